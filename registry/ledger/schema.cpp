// Tables of the ledger. Ids are integers and private to one database (a rebuild gives other ids); natural keys are what digests
// and views show. What several runs of a stage may claim differently (outputs, inputs read, plugins) is keyed by run, so no row
// depends on the order in which journals are read.
#include "registry/ledger/schema.hpp"

namespace tessera {
namespace {

constexpr const char* kTables = R"sql(
CREATE TABLE journal (
  id INTEGER PRIMARY KEY,
  path TEXT NOT NULL UNIQUE,          -- relative to the results folder
  uuid TEXT NOT NULL UNIQUE,
  what TEXT NOT NULL CHECK (what IN ('run', 'front')),
  offset INTEGER NOT NULL,            -- bytes recorded
  lines INTEGER NOT NULL,             -- lines recorded = the next "q"
  ended INTEGER NOT NULL              -- its end line is recorded
) STRICT;
CREATE TABLE env (id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, content TEXT NOT NULL) STRICT;
CREATE TABLE front (
  id INTEGER PRIMARY KEY, journal INTEGER NOT NULL UNIQUE REFERENCES journal, uuid TEXT NOT NULL UNIQUE, argv TEXT NOT NULL,
  state TEXT NOT NULL, started REAL NOT NULL, ended REAL, env INTEGER REFERENCES env
) STRICT;

CREATE TABLE experiment (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, question TEXT, source TEXT, baseline TEXT,
  front INTEGER REFERENCES front      -- the newest one that declared it whole; its cells are current
) STRICT;
CREATE TABLE cell (
  id INTEGER PRIMARY KEY, experiment INTEGER NOT NULL REFERENCES experiment, hash TEXT NOT NULL, label TEXT NOT NULL,
  position INTEGER NOT NULL,          -- orders the cells as the file declares them
  front INTEGER NOT NULL REFERENCES front,
  removed INTEGER NOT NULL DEFAULT 0, -- a newer front than its own removed it
  UNIQUE (experiment, hash)
) STRICT;
CREATE TABLE cell_axis (
  cell INTEGER NOT NULL REFERENCES cell, axis TEXT NOT NULL, point TEXT NOT NULL, PRIMARY KEY (cell, axis)
) STRICT, WITHOUT ROWID;
CREATE TABLE option (
  cell INTEGER NOT NULL REFERENCES cell, key TEXT NOT NULL, value ANY, origin TEXT NOT NULL, PRIMARY KEY (cell, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE trial (
  id INTEGER PRIMARY KEY, cell INTEGER NOT NULL REFERENCES cell, seed INTEGER NOT NULL, front INTEGER NOT NULL REFERENCES front,
  removed INTEGER NOT NULL DEFAULT 0, UNIQUE (cell, seed)
) STRICT;
CREATE TABLE stage (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, kind TEXT, parts TEXT,  -- NULL: so far only named as an input
  published INTEGER,                  -- the run that stage.json names
  hollow INTEGER NOT NULL DEFAULT 0   -- published, outputs removed
) STRICT;
CREATE TABLE trial_stage (
  trial INTEGER NOT NULL REFERENCES trial, slot TEXT NOT NULL, stage INTEGER NOT NULL REFERENCES stage, PRIMARY KEY (trial, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX trial_stage_by_stage ON trial_stage (stage);
CREATE TABLE stage_input (
  stage INTEGER NOT NULL REFERENCES stage, slot TEXT NOT NULL, input INTEGER NOT NULL REFERENCES stage, PRIMARY KEY (stage, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX stage_input_by_input ON stage_input (input);

CREATE TABLE run (
  id INTEGER PRIMARY KEY, journal INTEGER UNIQUE REFERENCES journal, uuid TEXT NOT NULL UNIQUE,
  stage INTEGER NOT NULL REFERENCES stage, n INTEGER NOT NULL, from_step INTEGER NOT NULL, seed INTEGER,
  state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'interrupted', 'killed', 'pruned')),
  error TEXT, exit_code INTEGER, started REAL, ended REAL, seconds REAL, cpu_seconds REAL, env INTEGER REFERENCES env,
  UNIQUE (stage, n)
) STRICT;
CREATE TABLE verdict (                -- of a front on a run that did not say itself why it failed; recorded before its run, or after
  run TEXT PRIMARY KEY,               -- its uuid; a run has one front
  error TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE plugin (
  id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER, version TEXT, manifest TEXT,
  UNIQUE (sha256, kind, name)
) STRICT;
CREATE TABLE stage_plugin (
  stage INTEGER NOT NULL REFERENCES stage, run INTEGER NOT NULL, slot TEXT NOT NULL, plugin INTEGER NOT NULL REFERENCES plugin,
  PRIMARY KEY (stage, run, slot)
) STRICT, WITHOUT ROWID;
CREATE TABLE artifact (
  stage INTEGER NOT NULL REFERENCES stage, run INTEGER NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL,
  PRIMARY KEY (stage, run, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE input_read (             -- hashes of what a run really read
  stage INTEGER NOT NULL REFERENCES stage, run INTEGER NOT NULL, slot TEXT NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT NULL,
  PRIMARY KEY (stage, run, slot, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL,
  axis TEXT NOT NULL CHECK (axis IN ('step', 'sample')), goal TEXT NOT NULL CHECK (goal IN ('min', 'max', 'none')),
  unit TEXT NOT NULL, timing INTEGER NOT NULL, definition TEXT NOT NULL, UNIQUE (kind, name, revision)
) STRICT;
CREATE TABLE journal_metric (         -- which revision of a name this journal means
  journal INTEGER NOT NULL REFERENCES journal, name TEXT NOT NULL, metric INTEGER NOT NULL REFERENCES metric,
  PRIMARY KEY (journal, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE point (
  stage INTEGER NOT NULL REFERENCES stage, metric INTEGER NOT NULL REFERENCES metric,
  step INTEGER NOT NULL,              -- or the sample's index, by the metric's axis
  value REAL,                         -- NULL = NaN
  PRIMARY KEY (stage, metric, step)
) STRICT, WITHOUT ROWID;
CREATE TABLE summary (
  stage INTEGER NOT NULL REFERENCES stage, metric INTEGER NOT NULL REFERENCES metric,
  n INTEGER NOT NULL, n_nan INTEGER NOT NULL, last REAL, min REAL, max REAL, sum REAL,
  steps INTEGER NOT NULL,             -- the highest step (or sample index) that has a value
  PRIMARY KEY (stage, metric)
) STRICT, WITHOUT ROWID;
CREATE TABLE sample (
  stage INTEGER NOT NULL REFERENCES stage, idx INTEGER NOT NULL, noise_seed INTEGER, label INTEGER, ids TEXT, commit_step TEXT,
  logprob REAL, png BLOB, PRIMARY KEY (stage, idx)
) STRICT;
CREATE TABLE event (
  journal INTEGER NOT NULL REFERENCES journal, q INTEGER NOT NULL, level TEXT NOT NULL, text TEXT NOT NULL, time REAL,
  PRIMARY KEY (journal, q)
) STRICT, WITHOUT ROWID;
CREATE TABLE tag (                    -- every fact, those of removal too; v_tag says what stands
  journal INTEGER NOT NULL REFERENCES journal, q INTEGER NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('tag', 'note')),
  target TEXT NOT NULL,               -- as it was called then
  experiment TEXT, cell TEXT, seed INTEGER, stage TEXT,  -- names and keys: the target may be recorded later
  text TEXT NOT NULL, removed INTEGER NOT NULL, time REAL, PRIMARY KEY (journal, q)
) STRICT, WITHOUT ROWID;
CREATE TABLE removal (                -- of trials and cells that older fronts declared
  front INTEGER NOT NULL REFERENCES front, experiment TEXT NOT NULL,
  cell TEXT, seed INTEGER             -- NULL: all
) STRICT;
CREATE INDEX removal_by_experiment ON removal (experiment, cell, seed);
)sql";

}  // namespace

std::string ledger_schema() {
  std::string sql = kTables;
  for (const auto& view : ledger_views()) sql += std::string("CREATE VIEW ") + view.name + " AS " + view.select + ";\n";
  return sql;
}

}  // namespace tessera
