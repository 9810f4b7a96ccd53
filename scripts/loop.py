"""The whole loop on one machine: PostgreSQL, stand-in, workers and agents below one folder.

Place:   used by the demo (scripts/demo.py) and by the end-to-end tests (tests/e2e).
Owner:   a Loop owns every process it starts and ends exactly those.
Secrets: keys, enrolment codes and addresses go through private files and the environment, never
         through a command line, where every user of the machine could read them.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 30


class LoopError(Exception):
    """A part did not start or did not answer; the text names the part and its log."""


def free_port():
    """A loopback port that is free now. Another program may take it before it is used."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_private(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def wait_until(condition, timeout_s, what, interval_s=0.1):
    """Polls until condition() is true; raises LoopError with `what` when the time is over."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LoopError(f"{what}: not within {timeout_s} s")
        time.sleep(interval_s)


class Database:
    """One database, asked through psql."""

    def __init__(self, url):
        self.url = url

    def as_role(self, role):
        head, tail = self.url.split("//", 1)
        return f"{head}//{role}@{tail.split('@', 1)[1]}"

    def run(self, sql, role=None):
        """Runs SQL text and returns what it prints (unaligned, without headers)."""
        command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d",
                   self.as_role(role) if role else self.url, "-f", "-"]
        done = subprocess.run(command, input=sql, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise LoopError(f"psql: {done.stderr.strip()}")
        return done.stdout.rstrip("\n")

    def rows(self, query):
        """The rows of a query as a list of dictionaries."""
        text = self.run(f"SELECT coalesce(json_agg(to_json(q)), '[]') FROM ({query}) q")
        return json.loads(text)

    def value(self, query):
        rows = self.rows(query)
        return next(iter(rows[0].values())) if rows else None


class Process:
    """A child process with a log file; ended by us and nobody else."""

    def __init__(self, name, command, log, env=None):
        self.name, self.log = name, log
        with open(log, "ab") as out:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                          env={**os.environ, **(env or {})}, start_new_session=True)

    def running(self):
        return self.child.poll() is None

    def stop(self, timeout_s=15):
        """SIGTERM, and its exit code; SIGKILL when it does not end in time (then -9)."""
        if self.running():
            self.child.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(timeout_s)
        if self.running():
            self.kill()
        return self.child.returncode

    def kill(self):
        if self.running():
            self.child.kill()
            self.child.wait()

    def tail(self, lines=15):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])


class Agent:
    """One agency's agent: its configuration, folders and process."""

    def __init__(self, loop, name, agency, project_url=None, **settings):
        self.loop, self.name, self.agency = loop, name, agency
        self.folder = loop.folder / "agents" / name
        self.export = self.folder / "export"
        self.config = self.folder / "waybill.json"
        self.log = self.folder / "waybill.log"
        self.process = None
        self.export.mkdir(parents=True, exist_ok=True)
        config = {
            "project_url": project_url or loop.project_url,
            "publishable_key": loop.keys["publishable_key"],
            "export_folder": str(self.export),
            "state_folder": str(self.folder / "state"),
            "ready": {"quiet_ms": 1000},
            "scan": {"interval_ms": 2000},
            "sync": {"interval_ms": 1000},
            "delivery": {"close_after_idle_ms": 5000},
        }
        for key, value in settings.items():
            config[key] = {**config.get(key, {}), **value} if isinstance(value, dict) else value
        self.write_config(config)

    def write_config(self, config):
        self.config.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    def run(self, *arguments, check=True, text=None):
        """Runs `waybill` with this agent's configuration to its end."""
        done = subprocess.run([self.loop.program("waybill"), "--config", str(self.config), *arguments],
                              capture_output=True, text=True, check=False, input=text)
        if check and done.returncode != 0:
            raise LoopError(f"waybill {arguments[0]}: {done.stderr.strip()}")
        return done

    def enroll(self, code=None):
        """Enrols with a fresh code, given on standard input."""
        return self.run("enroll", "--name", self.name, text=(code or self.loop.enrolment_code(self.agency)) + "\n")

    def start(self):
        self.process = self.loop.start_process(f"agent {self.name}", [
            self.loop.program("waybill"), "--config", str(self.config), "run"], self.log)
        return self

    def status(self):
        return json.loads(self.run("status", "--json").stdout)

    def trace(self, relative_path):
        """What `waybill trace` tells of one file; None when the ledger has never seen it."""
        done = self.run("trace", relative_path, "--json", check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def local(self, relative_path):
        """(state, problem or None) of the file's newest version at the edge, or of its name alone."""
        story = self.trace(relative_path)
        if story is None:
            return None, None
        if story["versions"]:
            newest = story["versions"][-1]
            return newest["state"], newest["problem"]
        return story["folder_state"], story["folder_problem"]

    def put(self, source, name=None):
        """Drops a file into the export folder as an exporter does: written in place."""
        target = self.export / (name or pathlib.Path(source).name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        return target


    def write(self, name, content):
        """Writes bytes into the export folder as a careful exporter does: aside, then renamed into place."""
        target = self.export / name
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = self.folder / f"{uuid.uuid4().hex}.tmp"
        aside.write_bytes(content)
        aside.rename(target)
        return target


class Loop:
    """Everything of one demo or test. Use as a context manager: leaving it ends all processes."""

    def __init__(self, folder, programs, server_url=None):
        self.folder = pathlib.Path(folder)
        self.programs = pathlib.Path(programs)
        self.server_url = server_url  # a PostgreSQL that somebody else runs; None: our own
        self.processes = []
        self.standin = None
        self.port = free_port()
        self.project_url = f"http://127.0.0.1:{self.port}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.keys_file = self.folder / "keys.json"
        self.keys = {}
        self.database = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def program(self, name):
        return str(self.programs / name)

    def start_process(self, name, command, log, env=None):
        process = Process(name, command, log, env)
        self.processes.append(process)
        return process

    def close(self):
        for process in reversed(self.processes):
            process.stop()
        if self.server_url is None:
            subprocess.run([ROOT / "dev", "postgres", "stop", self.folder / "postgres"], check=False)
        elif self.database:
            with contextlib.suppress(LoopError):
                Database(self.server_url).run(f"DROP DATABASE {self.database_name} WITH (FORCE)")

    def central(self, *arguments, check=True, role=None):
        """Runs `waybill-central` to its end. The database's address goes through the environment."""
        env = {**os.environ, "WAYBILL_DATABASE_URL": self.database.as_role(role) if role else self.database.url}
        done = subprocess.run([self.program("waybill-central"), *map(str, arguments)], env=env,
                              capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise LoopError(f"waybill-central {arguments[0]}: {done.stderr.strip()}")
        return done

    def start_database(self):
        """A database with what a Supabase project has, our migrations, the bucket and the secret."""
        server = self.server_url or subprocess.run(
            [ROOT / "dev", "postgres", "start", self.folder / "postgres"],
            check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        self.database_name = "waybill" if self.server_url is None else f"loop_{uuid.uuid4().hex}"
        if Database(server).value(f"SELECT 1 AS yes FROM pg_database WHERE datname = '{self.database_name}'") != 1:
            Database(server).run(f"CREATE DATABASE {self.database_name}")
        self.database = Database(server.replace("/postgres?", f"/{self.database_name}?"))
        if not self.keys_file.exists():
            self.central("keys", "create", self.keys_file)
        self.keys = json.loads(self.keys_file.read_text(encoding="utf-8"))
        self.central("migrate", "--bootstrap", "--migrations", ROOT / "schema/supabase/migrations",
                     "--keys", self.keys_file)
        # The worker's own login, as docs/operating.md has the operator make it.
        self.database.run("""
            DO $$ BEGIN
              IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'waybill_worker') THEN
                CREATE ROLE waybill_worker LOGIN NOINHERIT IN ROLE service_role;
              END IF;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- another test was first
            END $$""")

    def start_standin(self):
        self.standin = self.start_process("stand-in", [
            self.program("waybill-central"), "standin", "--listen", f"127.0.0.1:{self.port}",
            "--objects", str(self.folder / "objects"), "--keys", str(self.keys_file)],
            self.folder / "standin.log", {"WAYBILL_DATABASE_URL": self.database.url})
        wait_until(self.answers, START_TIMEOUT_S, f"stand-in (log: {self.standin.log})")

    def answers(self):
        if not self.standin.running():
            raise LoopError(f"the stand-in ended at once:\n{self.standin.tail()}")
        try:
            urllib.request.urlopen(self.project_url + "/rest/v1/", timeout=2).close()
        except urllib.error.HTTPError:
            return True  # it speaks
        except OSError:
            return False
        return True

    def start_worker(self, name="worker", **options):
        arguments = [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
        return self.start_process(name, [
            self.program("waybill-central"), "work", "--project-url", self.project_url,
            "--keys", str(self.keys_file), *arguments],
            self.folder / f"{name}.log", {"WAYBILL_DATABASE_URL": self.database.as_role("waybill_worker")})

    def put_agency(self, slug):
        """Registers an agency and its file specs from config/agencies."""
        return self.central("agency", "put", ROOT / "config/agencies" / slug).stdout

    def enrolment_code(self, slug):
        return self.central("enrolment-code", "create", "--agency", slug).stdout.strip()

    def start(self, agencies, worker=True):
        """Everything central, ready to be used."""
        self.start_database()
        self.start_standin()
        for slug in agencies:
            self.put_agency(slug)
        if worker:
            self.start_worker()
        return self

    def agent(self, agency, name=None, **settings):
        """A configured and enrolled agent; start() runs it."""
        agent = Agent(self, name or agency, agency, **settings)
        agent.enroll()
        return agent

    def files(self, agency=None):
        """The registry's files, each with its job, as central knows them."""
        return self.database.rows("""
            SELECT t.slug AS agency, f.relative_path, f.file_tag, f.entity, f.state, f.error_code, f.error,
                   f.rows_staged, f.content_sha256, f.job_file_id, f.object_path, j.job_key
              FROM ingest.job_file f JOIN ingest.job j USING (job_id) JOIN ingest.tenant t ON t.tenant_id = f.tenant_id
             """ + (f"WHERE t.slug = '{agency}' " if agency else "") + "ORDER BY f.relative_path")

    def events(self, agency, *names):
        """The agency's events in order, all or those of these names, each with its file."""
        wanted = f"AND e.event IN ({', '.join(repr(name) for name in names)})" if names else ""
        return self.database.rows(f"""
            SELECT e.seq, e.at, e.event, e.actor, e.from_state, e.to_state, e.details, f.relative_path, f.file_tag,
                   f.job_file_id, f.part_number, f.delivery_date
              FROM ingest.job_event e JOIN ingest.tenant t ON t.tenant_id = e.tenant_id
              LEFT JOIN ingest.job_file f ON f.job_file_id = e.job_file_id
             WHERE t.slug = '{agency}' {wanted} ORDER BY e.seq""")

    def tenant_state(self, agency):
        return self.database.value(f"SELECT state FROM ingest.tenant WHERE slug = '{agency}'")

    def delivery_state(self, agency, date):
        """State of the agency's delivery of a date (YYYY-MM-DD); None when there is none."""
        return self.database.value(f"""
            SELECT d.state FROM ingest.delivery d JOIN ingest.tenant t USING (tenant_id)
             WHERE t.slug = '{agency}' AND d.delivery_date = '{date}'""")
