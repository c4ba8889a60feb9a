# Ruby's oauth: one tab-separated request a line in, one signature a line out.
require "oauth"
require "oauth/request_proxy/mock_request"
require "oauth/signature/hmac/sha1"
require "uri"

if ARGV == ["--version"]
  puts "ruby-oauth #{OAuth::VERSION} client"
  exit
end

def decode_form(text)
  URI.decode_www_form(text).group_by(&:first).transform_values { |pairs| pairs.map(&:last) }
end

STDIN.set_encoding(Encoding::UTF_8)
STDIN.each_line(chomp: true) do |line|
  method, url, form, client_id, client_secret, token, token_secret, timestamp, nonce = line.split("\t", -1)
  parameters = {
    "oauth_consumer_key" => client_id, "oauth_signature_method" => "HMAC-SHA1",
    "oauth_timestamp" => timestamp, "oauth_nonce" => nonce, "oauth_version" => "1.0"
  }
  parameters["oauth_token"] = token unless token.empty?
  query = decode_form(URI.parse(url).query.to_s)
  parameters = [parameters, query, decode_form(form)].reduce do |all, more|
    all.merge(more) { |_, old, new| [*old, *new] }
  end
  request = { "method" => method, "uri" => url, "parameters" => parameters }
  puts OAuth::Signature.sign(request, consumer_secret: client_secret, token_secret: token_secret)
rescue StandardError
  puts "refused"
end
