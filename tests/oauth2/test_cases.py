"""Every case of ``tests/vectors/oauth2_cases.json`` is proven by one module."""

import ast
import json
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
CASES = [case["id"] for case in json.loads((TESTS / "vectors/oauth2_cases.json").read_text())["cases"]]

PROVEN: dict[str, str] = {
    "http/test_oauth2_cases.py": """
        EX04 RR01 RR02 RR03 RR04 RR05 RR06 RR08 RF02 RF05 RF06 RF10 RF11 RK07 PE01 PE02 PE03 CB01 CB02 CB03 R401 R402
        R403 ST02 RA04 CC02 CC03 CC05 RL01 RL03 RL04 IT01 IT02 SL01 SE03 SE05 RT01 RT02
    """,
    "oauth2/test_assertion.py": "JA01 JA03 JA04 JA05 JA06 JA09 JA10 JA14",
    "oauth2/test_assertion_grant.py": "JA12 JA13",
    "oauth2/test_authorize.py": """
        PK01 PK03 PK04 PK05 ST01 ST06 IS01 IS05 CE03 CE04 CE05 CM04 SC06 AU02 AU03 AU04 RA01 SL04
    """,
    "oauth2/test_bearer.py": "TT01",
    "oauth2/test_client_auth.py": "CA01 CA02 CA04 CA05 CA06 CA07 CA09 CA12",
    "oauth2/test_grants.py": "SC08 TE04",
    "claims/test_profile.py": "ID19",
    "definition/test_compile_oauth2.py": "DI03",
    "http/test_openid_connect.py": "ID09 JW01 JW02 JW05 DI04 DI07",
    "oauth2/test_id_token.py": "ID02 ID10 ID11 ID14 ID16 ID17",
    "oauth2/test_jwk_set.py": "ID13 ID15 JW03 JW04",
    "oauth2/test_server_metadata.py": "DI06",
    "oauth2/test_userinfo.py": "UI03",
    "test_identity.py": "UI01",
    "oauth2/test_issuer.py": "ID04 ID05",
    "oauth2/test_pushed_authorization.py": "PA01",
    "oauth2/test_login.py": "PK06 ST03 ST04 ST05 CE02 CM01 CM02",
    "oauth2/test_token_answer.py": """
        TR02 TR03 TR06 TR07 TR08 TR10 TR11 TR12 TR13 TR14 ES01 ES02 ES06 TT02 TT03 EX02 EX03 EX06 EX08 EX09 EX12 EC01
        RK02 RK04 RK05 RK06 RF09 SC02 SC03 SC04 SC07
    """,
    "oauth2/test_token_endpoint.py": """
        EC06 EC07 RK01 RK03 RF01 RF08 PC01 TE02 SC09 RA02 RA03 SL02 DF02 DF05 DF06 RV01 RV03 MT02 MT03
    """,
    "oauth2/test_dpop.py": "TT05 DP05",
    "test_jose.py": "JK01 JK02 JK03 JK04 JK05 JK06 JK07 JK08",
    "test_token.py": "EC02 EC03 SL03 SE02",
}
"""Test module -> the cases that it proves; others may touch them as well."""


def test_every_case_is_claimed_once():
    claimed = [case for cases in PROVEN.values() for case in cases.split()]
    assert sorted(claimed) == sorted(CASES)


@pytest.mark.parametrize(("module", "cases"), PROVEN.items(), ids=PROVEN)
def test_a_claimed_case_is_in_the_name_of_a_test(module, cases):
    tree = ast.parse((TESTS / module).read_text())
    functions = [node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    pieces = {piece for name in functions if name.startswith("test_") for piece in name.split("_")}
    pieces |= {piece for text in texts for piece in text.split("-")}
    assert set(cases.split()) <= pieces
