// The table of verbs.
#include "cli/verb.hpp"

namespace tessera {

int verb_run(const Verb&, const std::vector<std::string>&);
int verb_retry(const Verb&, const std::vector<std::string>&);
int verb_stop(const Verb&, const std::vector<std::string>&);
int verb_status(const Verb&, const std::vector<std::string>&);
int verb_watch(const Verb&, const std::vector<std::string>&);
int verb_plan(const Verb&, const std::vector<std::string>&);
int verb_record(const Verb&, const std::vector<std::string>&);
int verb_ls(const Verb&, const std::vector<std::string>&);
int verb_show(const Verb&, const std::vector<std::string>&);
int verb_diff(const Verb&, const std::vector<std::string>&);
int verb_compare(const Verb&, const std::vector<std::string>&);
int verb_query(const Verb&, const std::vector<std::string>&);
int verb_grid(const Verb&, const std::vector<std::string>&);
int verb_report(const Verb&, const std::vector<std::string>&);
int verb_export(const Verb&, const std::vector<std::string>&);
int verb_curves(const Verb&, const std::vector<std::string>&);
int verb_trace(const Verb&, const std::vector<std::string>&);
int verb_tag(const Verb&, const std::vector<std::string>&);
int verb_note(const Verb&, const std::vector<std::string>&);
int verb_sample(const Verb&, const std::vector<std::string>&);
int verb_rm(const Verb&, const std::vector<std::string>&);
int verb_cache(const Verb&, const std::vector<std::string>&);
int verb_plugins(const Verb&, const std::vector<std::string>&);
int verb_db(const Verb&, const std::vector<std::string>&);
int verb_doctor(const Verb&, const std::vector<std::string>&);

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> table = {
      {"run", "FILE [key=value …] [-j N | --slurm]", "Run an experiment, or what is left of it", verb_run},
      {"plan", "FILE [key=value …]", "Show cells, stages to run or reuse, parameter counts and refusals; run nothing", verb_plan},
      {"record", "", "Bring what hosts have journaled into the ledger; say what became of Slurm's jobs", verb_record},
      {"retry", "EXPERIMENT [--failed] [--seeds N]",
       "Run an experiment again as it was run last: all, only what failed, or with more seeds", verb_retry},
      {"stop", "[EXPERIMENT] [--now]", "Ask runs to write their checkpoints and end", verb_stop},
      {"status", "[EXPERIMENT]", "Show what runs just now: stage, step, rate, time left, last numbers", verb_status},
      {"watch", "[EXPERIMENT]", "Show status every second until nothing runs", verb_watch},
      {"ls", "[EXPERIMENT] [FILTER] [--sort METRIC] [--last N]",
       "List experiments, or trials for which a filter holds: 'prior=maskgit and frechet<20'", verb_ls},
      {"show", "TRIAL | STAGE", "Show one trial or one stage with its numbers and origin", verb_show},
      {"diff", "TRIAL TRIAL", "Show what two trials do not share: options, stages, data, plugins, environment", verb_diff},
      {"compare", "EXPERIMENT [METRIC …]", "Compare arms: mean, deviation, number of distinct stages, cost", verb_compare},
      {"query", "SQL | @NAME", "Ask the ledger in SQL, read-only", verb_query},
      {"grid", "EXPERIMENT | TRIAL … [--seed N] [-o FILE.png]",
       "Draw originals, reconstructions, samples and completions, a row a cell or trial", verb_grid},
      {"report", "EXPERIMENT [-o FILE.html]", "Write one HTML file: question, design, tables, charts, pictures, and the SQL behind them",
       verb_report},
      {"export", "EXPERIMENT [METRIC …] [--format F] [-o FILE]", "Write scores as CSV or JSON, the comparison as LaTeX or Markdown",
       verb_export},
      {"curves", "EXPERIMENT METRIC [-o FILE.svg]", "Draw a metric by step, a line a cell", verb_curves},
      {"trace", "TRIAL [REQUEST] [-o FILE.png]", "Show the order in which a sampling strategy committed tokens", verb_trace},
      {"tag", "[TRIAL | CELL | EXPERIMENT | STAGE [NAME]] [--remove]", "Give a tag, which `ls tag=NAME` finds; list tags", verb_tag},
      {"note", "[TRIAL | CELL | EXPERIMENT | STAGE [TEXT]] [--remove]", "Write a note, which `show` prints; list notes", verb_note},
      {"sample", "TRIAL [sampling.key=value …]", "Sample a finished trial's prior in another way", verb_sample},
      {"rm", "EXPERIMENT | CELL | TRIAL [--yes]", "Take trials out of the current ones; say first what that means", verb_rm},
      {"cache", "why TRIAL | STAGE | FILE [key=value …] | gc [--yes]", "Say why a stage runs or is reused; remove files that nothing needs",
       verb_cache},
      {"plugins", "[list | describe KIND/ID | new KIND ID | check FILE [option=value …]]", "List, describe, scaffold and check plugins",
       verb_plugins},
      {"db", "rebuild | check | digest | datasette [-o FILE]", "Rebuild, check or summarise the ledger; describe it to Datasette", verb_db},
      {"doctor", "", "Check this installation and say what is wrong", verb_doctor},
  };
  return table;
}

}  // namespace tessera
