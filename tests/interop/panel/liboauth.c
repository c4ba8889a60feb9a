/* liboauth: one tab-separated request a line in, one signature a line out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <oauth.h>

enum { METHOD, URL, FORM, CLIENT_ID, CLIENT_SECRET, TOKEN, TOKEN_SECRET, TIMESTAMP, NONCE, FIELDS };

static void add(int *argc, char ***argv, const char *name, const char *value) {
    char *pair = malloc(strlen(name) + strlen(value) + 2);
    sprintf(pair, "%s=%s", name, value);
    oauth_add_param_to_array(argc, argv, pair);
    free(pair);
}

int main(int count, char **arguments) {
    static char line[65536];
    if (count > 1 && strcmp(arguments[1], "--version") == 0) {
        printf("liboauth %s client\n", LIBOAUTH_VERSION);
        return 0;
    }
    while (fgets(line, sizeof line, stdin)) {
        char *field[FIELDS], *rest = line, *found = NULL;
        line[strcspn(line, "\n")] = '\0';
        for (int i = 0; i < FIELDS; i++)
            field[i] = strsep(&rest, "\t");
        char **argv = NULL;
        int argc = oauth_split_url_parameters(field[URL], &argv);
        /* 1: "+" is a space; 4: the first piece is a parameter, too, and no URL. */
        if (*field[FORM]) {
            char **form = NULL;
            int many = oauth_split_post_paramters(field[FORM], &form, 1 | 4);
            for (int i = 0; i < many; i++)
                oauth_add_param_to_array(&argc, &argv, form[i]);
            oauth_free_array(&many, &form);
        }
        add(&argc, &argv, "oauth_nonce", field[NONCE]);
        add(&argc, &argv, "oauth_timestamp", field[TIMESTAMP]);
        oauth_sign_array2_process(&argc, &argv, NULL, OA_HMAC, field[METHOD], field[CLIENT_ID], field[CLIENT_SECRET],
                                  *field[TOKEN] ? field[TOKEN] : NULL, *field[TOKEN] ? field[TOKEN_SECRET] : NULL);
        for (int i = 0; i < argc; i++)
            if (strncmp(argv[i], "oauth_signature=", 16) == 0)
                found = argv[i] + 16;
        printf("%s\n", found ? found : "refused");
        oauth_free_array(&argc, &argv);
    }
    return 0;
}
