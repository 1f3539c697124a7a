// The views: joins that a user of SQL should not have to write. Flat selects with scalar subqueries wherever possible, so that
// SQLite pushes a WHERE inside and skips columns that nobody asked for.
#include "registry/ledger/schema.hpp"

namespace tessera {
namespace {

// Newer by start time, then by uuid: the same answer in whatever order journals were read. Most rows are of the newest front itself:
// a CASE leaves the look at the two fronts out there, an OR would not.
#define TESSERA_CURRENT(row)                                                                                      \
  "CASE WHEN " row ".removed THEN 0 WHEN e.front IS NULL OR e.front = " row                                       \
  ".front THEN 1 ELSE (SELECT (f.started, f.uuid) >= (g.started, g.uuid) FROM front f, front g WHERE f.id = " row \
  ".front AND g.id = e.front) END"

constexpr const char* kStage = R"sql(
SELECT s.id AS id, s.key AS stage, s.kind AS kind,
  CASE WHEN s.published IS NOT NULL THEN 'done'
    ELSE coalesce((SELECT r.state FROM run r WHERE r.stage = s.id ORDER BY r.n DESC LIMIT 1), 'waiting') END AS state,
  s.published AS published, s.hollow AS hollow,
  (SELECT count(*) FROM run r WHERE r.stage = s.id) AS runs,
  (SELECT sum(r.seconds) FROM run r WHERE r.stage = s.id) AS seconds,
  (SELECT sum(r.cpu_seconds) FROM run r WHERE r.stage = s.id) AS cpu_seconds,
  (SELECT r.error FROM run r WHERE r.stage = s.id ORDER BY r.n DESC LIMIT 1) AS error,
  (SELECT count(*) FROM trial_stage t WHERE t.stage = s.id) AS trials
FROM stage s)sql";

constexpr const char* kTrial =
    "SELECT t.id AS id, e.name || '/' || c.label || '/' || t.seed AS trial, e.name AS experiment, c.label AS cell, c.hash AS cell_hash,\n"
    "  t.seed AS seed, " TESSERA_CURRENT("t") R"sql( AS current,
  CASE
    WHEN NOT EXISTS (SELECT 1 FROM trial_stage x JOIN stage s ON s.id = x.stage WHERE x.trial = t.id AND s.published IS NULL) THEN 'done'
    ELSE (SELECT CASE
        WHEN sum(v.state = 'failed') THEN 'failed' WHEN sum(v.state = 'running') THEN 'running'
        WHEN sum(v.state IN ('interrupted', 'killed')) THEN 'interrupted' WHEN sum(v.state = 'pruned') THEN 'pruned' ELSE 'waiting' END
      FROM trial_stage x JOIN v_stage v ON v.id = x.stage WHERE x.trial = t.id) END AS state,
  (SELECT count(*) FROM trial_stage x WHERE x.trial = t.id) AS stages,
  (SELECT count(s.published) FROM trial_stage x JOIN stage s ON s.id = x.stage WHERE x.trial = t.id) AS stages_done,
  (SELECT sum(r.seconds) FROM trial_stage x JOIN run r ON r.stage = x.stage WHERE x.trial = t.id) AS seconds,
  (SELECT sum(r.cpu_seconds) FROM trial_stage x JOIN run r ON r.stage = x.stage WHERE x.trial = t.id) AS cpu_seconds, c.id AS cell_id,
  t.removed AS removed
FROM experiment e JOIN cell c ON c.experiment = e.id JOIN trial t ON t.cell = c.id)sql";

constexpr const char* kCell =
    "SELECT c.id AS id, e.name AS experiment, c.label AS cell, c.hash AS cell_hash,\n  " TESSERA_CURRENT("c") R"sql( AS current,
  e.baseline IS NOT NULL AND (e.baseline = c.label OR substr(c.label, 1, length(e.baseline) + 2) = e.baseline || ', ') AS baseline, c.position AS position,
  (SELECT json_group_object(a.axis, a.point) FROM cell_axis a WHERE a.cell = c.id) AS axes,
  (SELECT json_group_object(o.key, o.value) FROM option o WHERE o.cell = c.id) AS options,
  (SELECT count(*) FROM trial t WHERE t.cell = c.id) AS trials, c.removed AS removed
FROM experiment e JOIN cell c ON c.experiment = e.id)sql";

constexpr const char* kScore =
    "SELECT e.name AS experiment, c.label AS cell, c.hash AS cell_hash, t.seed AS seed, " TESSERA_CURRENT("t") R"sql( AS current,
  x.slot AS slot, s.key AS stage, s.kind AS kind, s.published IS NOT NULL AS done,
  m.name AS metric, m.revision AS revision, m.axis AS axis, m.goal AS goal, m.unit AS unit, m.timing AS timing,
  CASE m.axis WHEN 'sample' THEN y.sum / nullif(y.n - y.n_nan, 0) ELSE y.last END AS value,
  y.n AS n, y.n_nan AS n_nan, y.min AS min, y.max AS max, y.steps AS steps, m.definition AS definition,
  t.id AS trial_id, c.id AS cell_id
FROM experiment e JOIN cell c ON c.experiment = e.id JOIN trial t ON t.cell = c.id JOIN trial_stage x ON x.trial = t.id
  JOIN stage s ON s.id = x.stage JOIN summary y ON y.stage = s.id JOIN metric m ON m.id = y.metric)sql";

constexpr const char* kCurve = R"sql(
SELECT e.name AS experiment, c.label AS cell, t.seed AS seed, x.slot AS slot, s.key AS stage, s.kind AS kind,
  m.name AS metric, m.axis AS axis, m.unit AS unit, p.step AS step, p.value AS value, c.hash AS cell_hash,
  )sql" TESSERA_CURRENT("t") R"sql( AS current
FROM experiment e JOIN cell c ON c.experiment = e.id JOIN trial t ON t.cell = c.id JOIN trial_stage x ON x.trial = t.id
  JOIN stage s ON s.id = x.stage JOIN summary y ON y.stage = s.id JOIN metric m ON m.id = y.metric
  JOIN point p ON p.stage = s.id AND p.metric = m.id)sql";

constexpr const char* kSample = R"sql(
SELECT e.name AS experiment, c.label AS cell, t.seed AS seed, x.slot AS slot, s.key AS stage, a.idx AS idx,
  a.noise_seed AS noise_seed, a.label AS label, a.ids AS ids, a.commit_step AS commit_step, a.logprob AS logprob, a.png AS png,
  c.hash AS cell_hash, )sql" TESSERA_CURRENT("t") R"sql( AS current
FROM experiment e JOIN cell c ON c.experiment = e.id JOIN trial t ON t.cell = c.id JOIN trial_stage x ON x.trial = t.id
  JOIN stage s ON s.id = x.stage JOIN sample a ON a.stage = s.id)sql";

constexpr const char* kNondeterminism = R"sql(
SELECT s.key AS stage, s.kind AS kind, a.name AS output, count(DISTINCT a.sha256) AS hashes, count(*) AS runs,
  json_group_object(a.run, a.sha256) AS sha256_by_run
FROM stage s JOIN artifact a ON a.stage = s.id GROUP BY s.id, a.name HAVING count(DISTINCT a.sha256) > 1)sql";

// The last word on each pair of target and text, by time, then by journal; gone where that word is a removal.
constexpr const char* kTag = R"sql(
SELECT t.kind AS kind, t.target AS target, t.experiment AS experiment, t.cell AS cell_hash, t.seed AS seed, t.stage AS stage,
  t.text AS text, t.time AS time
FROM tag t JOIN journal j ON j.id = t.journal
WHERE NOT t.removed AND NOT EXISTS (SELECT 1 FROM tag u JOIN journal k ON k.id = u.journal
  WHERE u.kind = t.kind AND u.text = t.text AND u.experiment IS t.experiment AND u.cell IS t.cell AND u.seed IS t.seed
    AND u.stage IS t.stage AND (coalesce(u.time, 0), k.uuid, u.q) > (coalesce(t.time, 0), j.uuid, t.q)))sql";
#undef TESSERA_CURRENT

}  // namespace

const std::vector<View>& ledger_views() {
  static const ViewColumn experiment = {"experiment", "name of the experiment: its path below experiments/, without .toml"};
  static const ViewColumn cell = {"cell", "label of the cell: its arm and its points on the other axes"};
  static const ViewColumn cell_hash = {"cell_hash", "hash of the cell's options: equal settings, equal hash"};
  static const ViewColumn seed = {"seed", "the trial's seed"};
  static const ViewColumn cell_id = {"cell_id", "`v_cell.id`: the shortest way to join and to group"};
  static const ViewColumn current = {"current", "1: the trial is in the newest version of the experiment"};
  static const ViewColumn slot = {"slot", "what the stage is to the trial: `tokenizer`, `samples.free`, `evaluation.prior`, …"};
  static const ViewColumn stage = {"stage", "key of the stage: 32 hexadecimal digits"};
  static const ViewColumn kind = {"kind", "data, tokenizer, tokens, prior, samples or evaluation"};
  static const std::vector<View> views = {
      {"v_stage",
       "One row a stage, whoever uses it.",
       {{"id", "the stage's id in the tables of this database (another one after a rebuild)"},
        stage,
        kind,
        {"state", "`done` (stage.json exists), else the state of its last run: running, failed, interrupted, killed, pruned; or `waiting`"},
        {"published", "number of the run whose outputs are published; NULL while there is none"},
        {"hollow", "1: published, but the output files were removed to save space; the numbers are still here"},
        {"runs", "how many runs it took so far"},
        {"seconds", "wall time of all its runs that ended by themselves, from the start of their hosts, s"},
        {"cpu_seconds", "processor time of the same, s"},
        {"error", "what the last run said when it failed"},
        {"trials", "how many trials share this stage"}},
       kStage},
      {"v_trial",
       "One row a trial: a cell with a seed, and how far its stages are.",
       {{"id", "the trial's id in the tables of this database"},
        {"trial", "experiment/cell/seed: what `tessera show` takes"},
        experiment,
        cell,
        cell_hash,
        seed,
        {"current", "1: named by the newest front of its experiment; 0: an older version of the file had it (retired)"},
        {"state", "done, failed, running, interrupted, pruned (stopped early: censored) or waiting, over all its stages"},
        {"stages", "number of stages it names"},
        {"stages_done", "how many of them are published"},
        {"seconds", "wall time of all runs of its stages, s; shared stages count in every trial that names them"},
        {"cpu_seconds", "processor time of the same, s"},
        cell_id,
        {"removed", "1: `tessera rm` took it out of the current ones; a newer run of its experiment brings it back"}},
       kTrial},
      {"v_cell",
       "One row a cell: a setting of all options, without its seed.",
       {{"id", "the cell's id: `option.cell`, `cell_axis.cell`"},
        experiment,
        cell,
        cell_hash,
        {"current", "1: in the newest version of the experiment; 0: retired"},
        {"baseline", "1: the arm that `compare` measures from"},
        {"position", "orders the cells as the file declares them"},
        {"axes", "JSON object: axis → point"},
        {"options", "JSON object: option → value, every option of the cell"},
        {"trials", "number of its trials"},
        {"removed", "1: `tessera rm` took it out of the current ones; a newer run of its experiment brings it back"}},
       kCell},
      {"v_score",
       "One row for each trial, stage and metric: the number that a metric came to.",
       {experiment,
        cell,
        cell_hash,
        seed,
        current,
        slot,
        stage,
        kind,
        {"done", "1: the stage is published; 0: its numbers may still change"},
        {"metric", "name of the metric; of a calibration stage `<row>.<metric>`"},
        {"revision", "revision of the metric: numbers of two revisions do not compare"},
        {"axis", "`step`: one number a step; `sample`: one number a sample"},
        {"goal", "min, max or none"},
        {"unit", "unit of the value; empty for a plain number"},
        {"timing", "1: a clock's value, different at every run, outside digests"},
        {"value", "axis step: the last value; axis sample: the mean over samples that have one. NULL = NaN"},
        {"n", "number of values"},
        {"n_nan", "how many of them are NaN"},
        {"min", "least value"},
        {"max", "greatest value"},
        {"steps", "the highest step (or sample index) that has a value"},
        {"definition", "what is computed, in one sentence"},
        {"trial_id", "`v_trial.id`"},
        cell_id},
       kScore},
      {"v_curve",
       "Every metric value: one row for each trial, stage, metric and step.",
       {experiment,
        cell,
        seed,
        slot,
        stage,
        kind,
        {"metric", "name of the metric"},
        {"axis", "`step` or `sample`"},
        {"unit", "unit of the value"},
        {"step", "step, or index of the sample, by axis"},
        {"value", "NULL = NaN"},
        cell_hash,
        current},
       kCurve},
      {"v_sample",
       "Sample previews: the first 64 of each samples stage.",
       {experiment,
        cell,
        seed,
        slot,
        stage,
        {"idx", "index of the sample"},
        {"noise_seed", "the seed its draws are keyed by"},
        {"label", "class label; -1 = none"},
        {"ids", "JSON array: the token ids"},
        {"commit_step", "JSON array: the sampling step at which each position was decided; -1 = known beforehand"},
        {"logprob", "log-probability of the draws, nats"},
        {"png", "the picture, a PNG"},
        cell_hash,
        current},
       kSample},
      {"v_nondeterminism",
       "Outputs of one stage that came out with different bytes in different runs. Empty is good.",
       {stage,
        kind,
        {"output", "file name"},
        {"hashes", "number of different SHA-256"},
        {"runs", "number of runs that made it"},
        {"sha256_by_run", "JSON object: run number → SHA-256"}},
       kNondeterminism},
      {"v_tag",
       "Tags and notes that stand. A trial has those of its experiment, its cell and its stages, too.",
       {{"kind", "`tag` or `note`"},
        {"target", "what was marked, as it was called then"},
        experiment,
        {"cell_hash", "hash of the cell's options; NULL: the whole experiment, or a stage"},
        {"seed", "the trial's seed; NULL: the whole cell"},
        {"stage", "key of the stage; NULL where trials are marked"},
        {"text", "the tag, or the note"},
        {"time", "when, in seconds since 1970"}},
       kTag},
  };
  return views;
}

}  // namespace tessera
