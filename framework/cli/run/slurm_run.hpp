// `tessera run --slurm`: its options, and what is printed in the place of progress.
#pragma once
#include <boost/program_options/variables_map.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/verb.hpp"
#include "experiment/describe/run_policy.hpp"
#include "experiment/slurm/slurm.hpp"

namespace tessera {

struct SlurmRequest {
  bool wanted = false;
  SlurmOptions options;
};

// Adds --slurm and --slurm-…; `request` lives until the line is parsed.
void add_slurm_options(boost::program_options::options_description& description, SlurmRequest& request);
// Throws Error(bad_config) on values out of range, and where --slurm-… stands without --slurm.
void check_slurm_request(const SlurmRequest& request);
// Submits what the plan has to run, with a journal of its own; of the policy, jobs go by `retries`. Returns the exit code.
int run_on_slurm(const Plan& plan, const RunPolicy& policy, const SlurmOptions& options, const std::filesystem::path& host,
                 const CommonOptions& common, const std::vector<std::string>& argv);
// What became of all that was submitted; none where nothing was. What has failed is written down and recorded: nobody saw it happen.
std::vector<SlurmStage> judge_slurm_stages(const std::filesystem::path& results, const std::vector<std::string>& argv);
// "prior (masked): job 17_3 PENDING (Dependency)", "…: <why it is over>\n  log: …"
std::string stage_line(const SlurmStage& stage);
// queued_stages, or `former` and a warning where they cannot be told.
std::vector<SlurmStage> ask_queue(const std::filesystem::path& results, std::vector<SlurmStage> former = {});
// "Slurm's queue holds 6 stages of this folder, 1 of them running: `scancel 17 18` takes them out.\n"; empty where it holds none.
std::string queue_text(const std::vector<SlurmStage>& queued);
// A line a stage, with `what` in front; those that never began are counted.
void print_stages(const char* what, const std::vector<SlurmStage>& stages);

}  // namespace tessera
