PRAGMA application_id = 1095779672;
PRAGMA user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE attempts (
            run INTEGER NOT NULL REFERENCES runs, test INTEGER NOT NULL REFERENCES tests, attempt INTEGER NOT NULL,
            outcome TEXT NOT NULL, blame TEXT NOT NULL, seconds REAL NOT NULL,
            worker TEXT NOT NULL, layer TEXT NOT NULL, category TEXT NOT NULL, flags TEXT NOT NULL,
            peak_memory_bytes INTEGER, signature INTEGER REFERENCES signatures,
            PRIMARY KEY (run, test, attempt)) WITHOUT ROWID;
INSERT INTO "attempts" VALUES(1,1,1,'passed','',4.0,'gw0','fast_feedback','unit','',4096,NULL);
INSERT INTO "attempts" VALUES(1,2,1,'failed','test',0.5,'gw0','fast_feedback','unit','',NULL,1);
INSERT INTO "attempts" VALUES(1,2,2,'passed','',0.5,'gw0','fast_feedback','unit','order_dependent',NULL,NULL);
INSERT INTO "attempts" VALUES(2,1,1,'failed','test',2.0,'gw0','fast_feedback','unit','',NULL,2);
INSERT INTO "attempts" VALUES(2,3,1,'passed','',0.5,'gw0','fast_feedback','unit','',NULL,NULL);
INSERT INTO "attempts" VALUES(3,1,1,'passed','',1.0,'gw0','fast_feedback','unit','',NULL,NULL);
INSERT INTO "attempts" VALUES(3,3,1,'failed','test',0.5,'gw0','fast_feedback','unit','',NULL,2);
CREATE TABLE environments (
            number INTEGER PRIMARY KEY,
            environment TEXT NOT NULL, interpreter TEXT NOT NULL, python TEXT NOT NULL, pytest TEXT NOT NULL,
            host TEXT NOT NULL,
            UNIQUE (environment, interpreter, python, pytest, host));
INSERT INTO "environments" VALUES(1,'test','python','3.11.7','','here');
CREATE TABLE runs (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            began TEXT NOT NULL, ended TEXT NOT NULL, seconds REAL NOT NULL,
            mode TEXT NOT NULL, environment INTEGER NOT NULL REFERENCES environments,
            exit_code INTEGER,
            collected INTEGER NOT NULL, executed INTEGER NOT NULL, proven INTEGER NOT NULL, owed INTEGER NOT NULL,
            revision TEXT NOT NULL, tree TEXT NOT NULL, dirty INTEGER,
            apex TEXT NOT NULL,
            damaged INTEGER NOT NULL, torn INTEGER NOT NULL);
INSERT INTO "runs" VALUES(1,'20260101-000003-abcdef','2026-01-01T00:00:03.000000Z','2026-01-01T00:00:03.000000Z',3.0,'nightly',1,0,2,2,0,0,'','t2',NULL,'1',0,0);
INSERT INTO "runs" VALUES(2,'20260101-000002-abcdef','2026-01-01T00:00:02.000000Z','2026-01-01T00:00:02.000000Z',3.0,'nightly',1,1,2,2,0,0,'','t1',NULL,'1',0,0);
INSERT INTO "runs" VALUES(3,'20260101-000001-abcdef','2026-01-01T00:00:01.000000Z','2026-01-01T00:00:01.000000Z',3.0,'nightly',1,1,2,2,0,0,'','t1',NULL,'1',0,0);
CREATE TABLE signatures (
            number INTEGER PRIMARY KEY,
            kind TEXT NOT NULL, message TEXT NOT NULL, frame TEXT NOT NULL,
            UNIQUE (kind, message, frame));
INSERT INTO "signatures" VALUES(1,'ValueError','<address> at <path>/y.txt','');
INSERT INTO "signatures" VALUES(2,'AssertionError','assert <n> == <n>','');
CREATE TABLE tests (
            number INTEGER PRIMARY KEY,
            id NOT NULL UNIQUE,
            file NOT NULL, category TEXT NOT NULL DEFAULT '', decided INTEGER NOT NULL DEFAULT 0, unexplained INTEGER NOT NULL DEFAULT 0, seconds REAL, variance REAL NOT NULL DEFAULT 0.0, last_outcome TEXT NOT NULL DEFAULT '', last_bad TEXT NOT NULL DEFAULT '', order_dependent INTEGER NOT NULL DEFAULT 0, stale INTEGER NOT NULL DEFAULT 0, recent BLOB NOT NULL DEFAULT x'');
INSERT INTO "tests" VALUES(1,'tests/test_a.py::test_one','tests/test_a.py','unit',3,1,2.11000000000000031974e+00,1.6779000000000001691e+00,'passed','2026-01-01T00:00:02.000000Z',0,0,X'000000000000F03F00000000000000400000000000001040');
INSERT INTO "tests" VALUES(2,X'74657374732F746573745FEDB2802E70793A3A746573745F6F6464',X'74657374732F746573745FEDB2802E7079','unit',2,0,0.5,0.0,'passed','2026-01-01T00:00:03.000000Z',1,0,X'000000000000E03F000000000000E03F');
INSERT INTO "tests" VALUES(3,'tests/test_a.py::test_two','tests/test_a.py','unit',2,1,0.5,0.0,'passed','2026-01-01T00:00:01.000000Z',0,0,X'000000000000E03F000000000000E03F');
CREATE INDEX runs_in_order ON runs (began, id);
CREATE INDEX attempts_of_test ON attempts (test, run);
CREATE INDEX attempts_of_signature ON attempts (signature) WHERE signature IS NOT NULL;
CREATE INDEX stale_tests ON tests (number) WHERE stale;
COMMIT;
