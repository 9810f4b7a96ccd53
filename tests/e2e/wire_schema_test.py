"""Every RPC as it is really spoken: each request and each answer is held to schema/wire.

What an agent and a person call goes through a recorder to the stand-in over a real PostgreSQL. The validator is
python3-jsonschema, so nothing of ours judges itself.
"""

import base64
import collections
import datetime
import hashlib
import hmac
import http.client
import http.server
import json
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request
import uuid

try:
    import jsonschema
except ImportError:  # Debian's package, and a Python that is not Debian's
    sys.path.append("/usr/lib/python3/dist-packages")
    import jsonschema

from harness import ROOT, LoopTest

SCHEMAS = {path.name.split(".")[0]: json.loads(path.read_text(encoding="utf-8"))
           for path in sorted((ROOT / "schema/wire").glob("*.schema.json"))}
RPC = "/rest/v1/rpc/"
HEADER = "Party No,Name,Kind,Street,Postcode,City,Country,E-Mail,Note\n"
FORMATS = jsonschema.FormatChecker()


@FORMATS.checks("date-time", raises=ValueError)
def is_date_time(text):
    """RFC 3339 in UTC. Without it date-time would be a remark: the library checks it with another library only."""
    return not isinstance(text, str) or datetime.datetime.fromisoformat(text).utcoffset() == datetime.timedelta(0)


def validator(function, part):
    schema = {key: value for key, value in SCHEMAS[function].items() if key != "oneOf"}
    return jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{part}"}, format_checker=FORMATS)


Call = collections.namedtuple("Call", "function request status answer")


class Recorder:
    """Forwards to the stand-in, and keeps what was said at the RPCs. `on_put`: called once, then that upload is cut."""

    def __init__(self, port):
        recorder = self
        self.calls, self.on_put = [], None

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                if self.command == "PUT" and recorder.on_put:
                    act, recorder.on_put = recorder.on_put, None
                    act()
                    self.close_connection = True
                    return
                onward = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                onward.request(self.command, self.path, body, dict(self.headers))
                answer = onward.getresponse()
                content = answer.read()
                if self.path.startswith(RPC):
                    recorder.calls.append(Call(self.path[len(RPC):], json.loads(body), answer.status, json.loads(content)))
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                        self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                onward.close()

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def count(self, function, is_refused=False):
        return sum(call.function == function and (call.status != 200) == is_refused for call in list(self.calls))


class WireSchemaTest(LoopTest):
    def setUp(self):
        self.recorder = Recorder(self.loop.port)
        self.addCleanup(self.recorder.close)

    def called(self, function, is_refused=False):
        self.wait(lambda: self.recorder.count(function, is_refused), f"{function} called, refused: {is_refused}")

    def test_what_is_said_at_every_rpc_is_what_the_schemas_say(self):
        self.an_agents_days()
        self.a_person_decides()
        wrong = []
        for call in self.recorder.calls:
            parts = (("request", call.request), ("answer" if call.status == 200 else "refusal", call.answer))
            for part, said in parts:
                wrong += [f"{call.function} {part} at {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
                          for error in validator(call.function, part).iter_errors(said)]
        self.assertEqual(sorted(set(wrong)), [])
        for function in SCHEMAS:
            self.assertTrue(self.recorder.count(function), f"{function} was never called")
        refused = {call.function for call in self.recorder.calls if call.status != 200}
        self.assertLessEqual({"ingest_enroll", "ingest_sync", "ingest_decide", "ingest_deliveries"}, refused)

    def an_agents_days(self):
        """Each RPC of an agent at least once: all goes well, an upload breaks, a file goes, the ledger goes."""
        agent = self.agent(project_url=self.recorder.url)
        wrong = {"code": "WRONG-CODE", "agent_name": "another", "secret_hash": "0" * 64, "machine": {}}
        self.assertNotEqual(self.rpc("ingest_enroll", wrong, {}), 200)
        party = (HEADER + "P1,Bakery,supplier,,,,DE,,\n").encode()
        agent.write("parties_20261121_first.csv", party)
        agent.write("parties_20261121_bad.csv", (HEADER + "P1,\"open,supplier,,,,DE,,\n").encode())
        agent.start()
        self.registered("harbor-kitchen", "parties_20261121_first.csv", {"archived"})
        self.registered("harbor-kitchen", "parties_20261121_bad.csv", {"refused"})  # at the agency, unsent
        self.loop.database.run("SET ROLE service_role; SELECT ingest.put_setting('preflight', '\"report\"', 'test')")
        agent.write("parties_20261121_worse.csv", (HEADER + "P4,\"open,supplier,,,,DE,,\n").encode())
        self.registered("harbor-kitchen", "parties_20261121_worse.csv", {"refused"})  # at central, sent
        agent.write("parties_20261122_same.csv", party)
        self.registered("harbor-kitchen", "parties_20261122_same.csv", {"duplicate"})
        self.called("ingest_close_job")

        self.recorder.on_put = lambda: None
        agent.write("parties_20261123_cut.csv", (HEADER + "P2,Bakery,supplier,,,,DE,,\n").encode())
        self.called("ingest_renew_uploads")
        self.registered("harbor-kitchen", "parties_20261123_cut.csv", {"processed", "archived"})

        gone = agent.export / "parties_20261124_gone.csv"
        self.recorder.on_put = gone.unlink
        agent.write(gone.name, (HEADER + "P3,Bakery,supplier,,,,DE,,\n").encode())
        self.called("ingest_withdraw_files")

        agent.process.stop()
        for path in (agent.folder / "state").glob("ledger.sqlite3*"):
            path.unlink()
        inventories = self.recorder.count("ingest_inventory")
        agent.start()
        self.wait(lambda: self.recorder.count("ingest_inventory") > inventories, "the ledger rebuilt")
        syncs = self.recorder.count("ingest_sync")
        self.wait(lambda: self.recorder.count("ingest_sync") > syncs, "the rebuilt agent in contact")
        self.loop.central("agent", "revoke", self.agent_id(agent), "--reason", "test")
        self.called("ingest_sync", is_refused=True)

    def agent_id(self, agent):
        return self.loop.database.value(f"SELECT agent_id FROM ingest.agent WHERE agent_name = '{agent.name}'")

    def a_person_decides(self):
        user = str(uuid.uuid4())
        self.loop.database.run(f"""
            INSERT INTO auth.users (id, email) VALUES ('{user}', 'operator@example.org');
            INSERT INTO ingest.tenant_user (tenant_id, user_id, role)
            SELECT tenant_id, '{user}', 'operator' FROM ingest.tenant WHERE slug = 'harbor-kitchen'""")
        person, stranger = self.bearer(user), self.bearer(str(uuid.uuid4()))
        bad = self.registered("harbor-kitchen", "parties_20261121_worse.csv", {"refused"})["job_file_id"]
        self.assertEqual(self.rpc("ingest_deliveries", {"tenant": "harbor-kitchen", "days": 30}, person), 200)
        self.assertNotEqual(self.rpc("ingest_deliveries", {"tenant": "harbor-kitchen"}, stranger), 200)
        decision = {"action": "retry", "tenant": "harbor-kitchen", "job_file_id": bad, "reason": "once more"}
        self.assertEqual(self.rpc("ingest_decide", decision, person), 200)
        self.registered("harbor-kitchen", "parties_20261121_worse.csv", {"refused"})
        self.assertEqual(self.rpc("ingest_decide", {**decision, "action": "skip"}, person), 200)
        self.assertNotEqual(self.rpc("ingest_decide", {**decision, "job_file_id": str(uuid.uuid4())}, person), 200)

    def rpc(self, function, arguments, headers):
        request = urllib.request.Request(self.recorder.url + RPC + function, json.dumps(arguments).encode(), {
            "apikey": self.loop.keys["publishable_key"], "content-type": "application/json", **headers})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    def bearer(self, user):
        """The headers of a signed-in person."""
        def part(data):
            return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
        claims = {"role": "authenticated", "sub": user, "exp": int(time.time()) + 600}
        text = part(b'{"alg":"HS256","typ":"JWT"}') + "." + part(json.dumps(claims).encode())
        mark = hmac.new(self.loop.keys["jwt_secret"].encode(), text.encode(), hashlib.sha256).digest()
        return {"authorization": f"Bearer {text}.{part(mark)}"}


if __name__ == "__main__":
    unittest.main()
