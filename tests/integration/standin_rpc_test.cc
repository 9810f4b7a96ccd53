// The stand-in's function calls against a real PostgreSQL: statuses and bodies as PostgREST's.
#include "tests/integration/standin_fixture.h"

namespace waybill {
namespace {

using nlohmann::json;

/// Functions of every shape that a call can meet.
constexpr const char* kFunctions = R"sql(
  CREATE TABLE public.note (id int PRIMARY KEY, words text NOT NULL);
  GRANT ALL ON public.note TO anon, authenticated, service_role;
  CREATE TYPE public.pair AS (a int, b text);
  CREATE FUNCTION public.give_int(x int) RETURNS int LANGUAGE sql STABLE AS 'SELECT x + 1';
  CREATE FUNCTION public.give_text() RETURNS text LANGUAGE sql STABLE AS $$SELECT 'a "quoted" é'$$;
  CREATE FUNCTION public.give_null() RETURNS int LANGUAGE sql STABLE AS 'SELECT NULL::int';
  CREATE FUNCTION public.give_json(v jsonb) RETURNS jsonb LANGUAGE sql STABLE AS 'SELECT v';
  CREATE FUNCTION public.give_pair(a int, b text DEFAULT 'none') RETURNS public.pair
    LANGUAGE sql STABLE AS 'SELECT ROW(a, b)::public.pair';
  CREATE FUNCTION public.give_out(OUT sum int, INOUT n int) LANGUAGE sql STABLE AS 'SELECT n + n, n';
  CREATE FUNCTION public.give_numbers(upto int) RETURNS SETOF int
    LANGUAGE sql STABLE AS 'SELECT generate_series(1, upto)';
  CREATE FUNCTION public.give_rows(upto int) RETURNS TABLE (n int)
    LANGUAGE sql STABLE AS 'SELECT generate_series(1, upto)';
  CREATE FUNCTION public.give_nothing() RETURNS void LANGUAGE sql VOLATILE AS '';
  CREATE FUNCTION public.take_ids(ids uuid[]) RETURNS int LANGUAGE sql STABLE AS 'SELECT cardinality(ids)';
  CREATE FUNCTION public.take_body(json) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1 ->> ''k''';
  CREATE FUNCTION public.write_note(id int, words text) RETURNS void LANGUAGE sql VOLATILE
    AS 'INSERT INTO public.note VALUES (id, words)';
  CREATE FUNCTION public.write_quietly() RETURNS void LANGUAGE sql STABLE AS '';
  CREATE FUNCTION public.promise_broken() RETURNS void LANGUAGE plpgsql STABLE
    AS $$BEGIN PERFORM public.write_note(7, 'x'); END$$;
  CREATE FUNCTION public.who() RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('role', current_user,
      'claims', current_setting('request.jwt.claims')::jsonb,
      'token', current_setting('request.headers')::jsonb ->> 'x-agent-token',
      'method', current_setting('request.method'), 'path', current_setting('request.path'),
      'search_path', current_setting('search_path'))$$;
  CREATE FUNCTION public.fail(state text) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
    BEGIN RAISE EXCEPTION 'it failed' USING ERRCODE = state, DETAIL = 'a detail', HINT = 'a hint'; END$$;
  CREATE FUNCTION public.refuse_softly(status int) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
    BEGIN RAISE SQLSTATE 'PGRST' USING
      MESSAGE = '{"code":"WB-2001","message":"no","details":null,"hint":"ask"}',
      DETAIL = format('{"status":%s,"headers":{"X-Reason":"because"}}', status); END$$;
  CREATE FUNCTION public.refuse_badly() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
    BEGIN RAISE SQLSTATE 'PGRST' USING MESSAGE = 'not json', DETAIL = '{}'; END$$;
  CREATE FUNCTION public.twice(x int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
  CREATE FUNCTION public.twice(x text) RETURNS int LANGUAGE sql STABLE AS 'SELECT 2';
  CREATE FUNCTION public.secret_work() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
  REVOKE ALL ON FUNCTION public.secret_work() FROM PUBLIC, anon, authenticated;
  CREATE FUNCTION ingest.hidden() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
)sql";

struct RpcFixture : StandInFixture {
  RpcFixture() { database.exec_script(kFunctions); }
};

}  // namespace

TEST_CASE("stand-in rpc: a result comes back in the shape of its type", "[standin][rpc]") {
  RpcFixture f;
  CHECK(f.rpc("give_int", R"({"x": 41})").body == "42");
  CHECK(json_of(f.rpc("give_text", "{}")) == "a \"quoted\" é");
  CHECK(f.rpc("give_text", "").status == 200);  // no body is no argument
  CHECK(f.rpc("give_null", "{}").body == "null");
  CHECK(json_of(f.rpc("give_json", R"({"v": {"deep": [1, null, "é"]}})")) ==
        json::parse(R"({"deep": [1, null, "é"]})"));
  CHECK(json_of(f.rpc("give_pair", R"({"a": 1})")) == json::parse(R"({"a":1,"b":"none"})"));
  CHECK(json_of(f.rpc("give_pair", R"({"b": "x", "a": 2})")) == json::parse(R"({"a":2,"b":"x"})"));
  CHECK(json_of(f.rpc("give_out", R"({"n": 4})")) == json::parse(R"({"sum":8,"n":4})"));
  CHECK(json_of(f.rpc("give_numbers", R"({"upto": 3})")) == json::parse("[1,2,3]"));
  CHECK(json_of(f.rpc("give_rows", R"({"upto": 2})")) == json::parse(R"([{"n":1},{"n":2}])"));
  CHECK(json_of(f.rpc("give_rows", R"({"upto": 0})")) == json::array());
  CHECK(f.rpc("take_ids", R"({"ids": ["00000000-0000-0000-0000-000000000001"]})").body == "1");
  CHECK(json_of(f.rpc("take_body", R"({"k": "v"})")) == "v");

  const HttpResponse nothing = f.rpc("give_nothing", "{}");
  CHECK(nothing.status == 204);
  CHECK(nothing.body.empty());
  CHECK(f.rpc("give_int", R"({"x": 1})").header("content-type") ==
        "application/json; charset=utf-8");
}

TEST_CASE("stand-in rpc: a single object is given only when there is exactly one",
          "[standin][rpc]") {
  RpcFixture f;
  const HttpHeaders single{{"accept", "application/vnd.pgrst.object+json"}};
  const HttpResponse one = f.rpc("give_rows", R"({"upto": 1})", single);
  CHECK(one.status == 200);
  CHECK(json_of(one) == json::parse(R"({"n":1})"));
  const HttpResponse two = f.rpc("give_rows", R"({"upto": 2})", single);
  CHECK(two.status == 406);
  CHECK(json_of(two)["code"] == "PGRST116");
  CHECK(json_of(f.rpc("give_rows", R"({"upto": 0})", single))["code"] == "PGRST116");
  CHECK(f.rpc("give_int", R"({"x":1})", {{"accept", "text/csv"}}).status == 406);
}

TEST_CASE("stand-in rpc: what is no call of a known function is told apart", "[standin][rpc]") {
  RpcFixture f;
  for (const char* malformed : {"{", "{\"x\": }", "nonsense", "{\"x\": 1}}", "\x80"}) {
    const HttpResponse response = f.rpc("give_int", malformed);
    CHECK(response.status == 400);
    CHECK(json_of(response)["code"] == "PGRST102");
    CHECK(json_of(response).contains("hint"));
  }
  for (const char* body : {"{}", R"({"y": 1})", R"({"x": 1, "y": 1})"}) {
    const HttpResponse response = f.rpc("give_int", body);
    CHECK(response.status == 404);
    CHECK(json_of(response)["code"] == "PGRST202");
  }
  CHECK(f.rpc("no_such", "{}").status == 404);
  CHECK(f.rpc("give_int';%20DROP%20TABLE%20note;--", "{}").status == 404);
  CHECK(f.rpc("hidden", "{}").status == 404);  // lives in a schema that is not exposed
  CHECK(json_of(f.rpc("twice", R"({"x": 1})"))["code"] == "PGRST203");
  CHECK(json_of(f.rpc("give_int", R"({"x": "word"})"))["code"] == "22P02");
  CHECK(f.rpc("give_int", R"({"x": "word"})").status == 400);

  const HttpResponse profile = f.rpc("hidden", "{}", {{"content-profile", "ingest"}});
  CHECK(profile.status == 406);
  CHECK(json_of(profile)["code"] == "PGRST106");
  CHECK(f.rpc("give_int", R"({"x":1})", {{"content-profile", "public"}}).status == 200);
  const HttpHeaders key{{"apikey", f.keys.publishable_key}};
  CHECK(f.send("GET", "/rest/v1/note", key).status == 404);
  CHECK(f.send("DELETE", "/rest/v1/rpc/give_text", key).status == 405);
}

TEST_CASE("stand-in rpc: a SQLSTATE decides the status", "[standin][rpc]") {
  RpcFixture f;
  const std::vector<std::pair<std::string, int>> expected{
      {"P0001", 400}, {"P0002", 500}, {"23505", 409}, {"23503", 409}, {"23514", 400},
      {"42883", 404}, {"42P01", 404}, {"42501", 401}, {"40001", 500}, {"55P03", 500},
      {"57014", 500}, {"57P01", 503}, {"53300", 503}, {"08006", 503}, {"28000", 403},
      {"XX000", 500}, {"22023", 400}, {"PT402", 402}, {"PT999", 500}};
  for (const auto& [state, status] : expected) {
    const HttpResponse response = f.rpc("fail", json{{"state", state}}.dump());
    CAPTURE(state);
    CHECK(response.status == status);
    CHECK(json_of(response) == json{{"code", state},
                                    {"message", "it failed"},
                                    {"details", "a detail"},
                                    {"hint", "a hint"}});
  }
  const HttpResponse custom = f.rpc("refuse_softly", R"({"status": 418})");
  CHECK(custom.status == 418);
  CHECK(custom.header("x-reason") == "because");
  CHECK(json_of(custom) ==
        json::parse(R"({"code":"WB-2001","message":"no","details":null,"hint":"ask"})"));
  CHECK(f.rpc("refuse_badly", "{}").status == 500);
  CHECK(json_of(f.rpc("refuse_softly", R"({"status": 9})"))["code"] == "PGRST121");
}

TEST_CASE("stand-in rpc: GET reads and never writes", "[standin][rpc]") {
  RpcFixture f;
  const HttpHeaders key{{"apikey", f.keys.publishable_key}};
  CHECK(f.send("GET", "/rest/v1/rpc/give_int?x=41", key).body == "42");
  CHECK(json_of(f.send("GET", "/rest/v1/rpc/give_pair?a=1&b=a%20b%2Bc", key))["b"] == "a b+c");
  const HttpResponse write = f.send("GET", "/rest/v1/rpc/write_note?id=1&words=w", key);
  CHECK(write.status == 405);
  CHECK(json_of(write)["code"] == "25006");
  CHECK(f.rpc("write_note", R"({"id": 1, "words": "w"})").status == 204);
  CHECK(f.rpc("promise_broken", "{}").status == 405);  // STABLE promises not to write
  CHECK(f.rpc("write_note", R"({"id": 1, "words": "again"})").status == 409);
  CHECK(f.count("SELECT count(*) FROM public.note") == 1);
}

TEST_CASE("stand-in rpc: a key or a signed token makes the caller, and nothing else does",
          "[standin][rpc][security]") {
  RpcFixture f;
  const auto call = [&](HttpHeaders headers) {
    return f.send("POST", "/rest/v1/rpc/who", headers);
  };
  const auto bearer = [&](const json& claims, const std::string& secret) {
    return call({{"apikey", f.keys.publishable_key},
                 {"authorization", "Bearer " + standin::sign_jwt(claims, secret)}});
  };
  CHECK(call({}).status == 401);
  CHECK(call({{"apikey", "sb_publishable_wrong"}}).status == 401);
  CHECK(call({{"apikey", "sb_secret_"}}).status == 401);
  CHECK(json_of(call({{"apikey", f.keys.publishable_key}}))["role"] == "anon");
  CHECK(json_of(call({{"apikey", f.keys.secret_key}}))["role"] == "service_role");
  // supabase-js repeats the key as Bearer
  CHECK(json_of(call({{"apikey", f.keys.publishable_key},
                      {"authorization", "Bearer " + f.keys.publishable_key}}))["role"] == "anon");
  CHECK(call({{"apikey", f.keys.publishable_key}, {"authorization", "Bearer " + f.keys.secret_key}})
            .status == 401);
  CHECK(call({{"apikey", f.keys.secret_key}, {"user-agent", "Mozilla/5.0"}}).status == 401);

  const std::int64_t now_s = StandInFixture::now_s();
  const std::string& secret = f.keys.jwt_secret;
  const HttpResponse user =
      bearer({{"role", "authenticated"}, {"sub", "u1"}, {"exp", now_s + 60}}, secret);
  CHECK(json_of(user)["role"] == "authenticated");
  CHECK(json_of(user)["claims"]["sub"] == "u1");
  CHECK(json_of(bearer({{"sub", "u1"}}, secret))["role"] == "anon");
  CHECK(bearer({{"role", "authenticated"}, {"exp", now_s - 20}}, secret).status == 200);
  const HttpResponse expired = bearer({{"role", "authenticated"}, {"exp", now_s - 40}}, secret);
  CHECK(expired.status == 401);
  CHECK(json_of(expired)["code"] == "PGRST303");
  CHECK(bearer({{"role", "authenticated"}, {"nbf", now_s + 90}}, secret).status == 401);
  CHECK(json_of(bearer({{"role", "authenticated"}}, secret + "x"))["code"] == "PGRST301");
  CHECK(bearer({{"role", "supabase_admin"}}, secret).status == 403);
  CHECK(bearer({{"role", "postgres"}}, secret).status == 403);
  // a legacy key is a JWT in the header apikey
  CHECK(
      json_of(call({{"apikey", standin::sign_jwt({{"role", "service_role"}}, secret)}}))["role"] ==
      "service_role");
  CHECK(
      call({{"apikey", standin::sign_jwt({{"role", "service_role"}}, "not the secret")}}).status ==
      401);
  const std::string none = base64url_encode(R"({"alg":"none"})") + "." +
                           base64url_encode(R"({"role":"service_role"})") + ".";
  CHECK(call({{"apikey", f.keys.publishable_key}, {"authorization", "Bearer " + none}}).status ==
        401);
}

TEST_CASE("stand-in rpc: a function sees its own request and nothing of another's",
          "[standin][rpc]") {
  RpcFixture f;
  const json seen = json_of(f.rpc("who", "{}", {{"X-Agent-Token", "t-1"}}));
  CHECK(seen["token"] == "t-1");
  CHECK(seen["method"] == "POST");
  CHECK(seen["path"] == "/rest/v1/rpc/who");
  CHECK(seen["claims"] == json{{"role", "anon"}});
  CHECK(json_of(f.rpc("who", "{}"))["token"].is_null());
  CHECK(f.rpc("secret_work", "{}").status == 401);
  CHECK(f.send("POST", "/rest/v1/rpc/secret_work", {{"apikey", f.keys.secret_key}}).status == 403);
}

TEST_CASE("stand-in rpc: a lost database is 503, and the next call finds it again",
          "[standin][rpc][fault]") {
  RpcFixture f;
  CHECK(f.rpc("give_int", R"({"x": 1})").status == 200);
  f.database.exec(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
      "WHERE datname = current_database() AND application_name LIKE '%standin'");
  const int first = f.rpc("give_int", R"({"x": 1})").status;
  CHECK(first == 503);
  CHECK(f.rpc("give_int", R"({"x": 1})").status == 200);
}

}  // namespace waybill
