// export: whole texts of the four formats, and what cannot be exported.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>

#include "core/json.hpp"
#include "tests/ledger/ledger_fixture.hpp"

namespace tessera {
namespace {
namespace fs = std::filesystem;

class Export : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    results_ = new FakeResults("export");
    write_experiment(*results_);
  }
  static void TearDownTestSuite() { delete results_; }
  static std::pair<std::string, int> tessera(const std::string& arguments) {
    auto [text, status] =
        shell(TESSERA_BINARY_DIR "/bin/tessera export " + arguments + " --results " + results_->folder().string() + " 2>&1");
    return {text, WEXITSTATUS(status)};
  }
  static FakeResults* results_;
};
FakeResults* Export::results_ = nullptr;

TEST_F(Export, Markdown) {
  EXPECT_EQ(tessera("quick frechet --format markdown").first, R"(## quick

Does it work?

4 of 4 trials done. Mean ± standard deviation over n distinct stages; ↑ more is better, ↓ less; **best**; Δ from causal, paired by seed; p: sign flips, Holm's correction.

All seeds share one tokenizer: the intervals hold for this tokenizer, and say nothing of another.

2 pairs cannot reach p = 0.05: the least is 0.5.

### samples.free

| metric | arm | n | mean ± sd | pairs | Δ | 95 % interval | p |
|---|---|--:|--:|--:|--:|---|--:|
| frechet ↓ | causal | 2 | **9.5 ± 1.4** |  |  |  |  |
| frechet ↓ | masked | 2 | 10.5 ± 1.4 | 2 | +1.00 | +1.00 … +1.00 | 0.500 |
)");
}

TEST_F(Export, Latex) {
  EXPECT_EQ(tessera("quick frechet --format latex").first, R"(% \usepackage{booktabs}
% Does it work?

% samples.free
\begin{table}
  \centering
  \begin{tabular}{llrrrrlr}
    \toprule
    Metric & Arm & $n$ & Mean $\pm$ sd & Pairs & $\Delta$ & 95\,\% interval & $p$ \\
    \midrule
    frechet $\downarrow$ & causal & 2 & $\mathbf{9.5 \pm 1.4}$ &  &  &  &  \\
     & masked & 2 & $10.5 \pm 1.4$ & 2 & $+1.00$ & $[+1.00,\ +1.00]$ & $0.500$ \\
    \bottomrule
  \end{tabular}
  \caption{quick, samples.free: 4 of 4 trials. $n$: distinct stages; $\Delta$: from causal, paired by seed; $p$: sign flips, Holm. All seeds share one tokenizer: the intervals hold for this tokenizer, and say nothing of another. 2 pairs cannot reach p = 0.05: the least is 0.5.}
  \label{tab:quick-samples-free}
\end{table}
)");
}

TEST_F(Export, ScoresByTrialAndMetric) {
  EXPECT_EQ(tessera("quick frechet").first, R"(experiment,cell,seed,slot,stage,metric,revision,axis,goal,unit,value,n,n_nan
quick,causal,0,evaluation.samples.free,e-causal-0,frechet,1,step,min,,8.5,1,0
quick,causal,1,evaluation.samples.free,e-causal-1,frechet,1,step,min,,10.5,1,0
quick,masked,0,evaluation.samples.free,e-masked-0,frechet,1,step,min,,9.5,1,0
quick,masked,1,evaluation.samples.free,e-masked-1,frechet,1,step,min,,11.5,1,0
)");
  const Json rows = Json::parse(tessera("quick frechet --format json").first);
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows.at(0).at("value"), 8.5);
  EXPECT_EQ(Json::parse(tessera("quick frechet --json").first), rows);
  // The ending of the file gives the format; what is written is what would be printed.
  const std::string file = (results_->folder() / "scores.csv").string();
  EXPECT_EQ(tessera("quick frechet -o " + file).first, file + ": 391 bytes of csv\n");
  EXPECT_EQ(read_file(file), tessera("quick frechet").first);
}

TEST_F(Export, SaysWhatItExpects) {
  EXPECT_EQ(
      tessera("quick --format markdwon"),
      std::make_pair(std::string("tessera: export: --format: found 'markdwon', expected one of csv, json, latex, markdown; did you mean "
                                 "\"markdown\"?\n"),
                     2));
  EXPECT_EQ(
      tessera("quick -o table.xls"),
      std::make_pair(std::string("tessera: export: table.xls: found a name that ends in '.xls', expected .csv, .json, .tex or .md, or "
                                 "--format\n"),
                     2));
  EXPECT_EQ(
      tessera("quick frehet"),
      std::make_pair(
          std::string("tessera: export: found metric 'frehet', expected one of frechet, nearest, loss, rate; did you mean \"frechet\"?\n"),
          2));
}

// A folder for what verbs write, and the verbs themselves: --out is one thing for all of them.
class Out : public Export {
 protected:
  Out() : folder_(results_->folder() / "out") { fs::create_directories(folder_); }
  ~Out() override { fs::remove_all(folder_); }
  // Run in the folder; what it prints, and the exit code.
  std::pair<std::string, int> verb(const std::string& words, const std::string& behind = "2>&1") const {
    auto [text, status] = shell("cd " + folder_.string() + " && timeout 20 " TESSERA_BINARY_DIR "/bin/tessera " + words + " --results " +
                                fs::absolute(results_->folder()).string() + " " + behind);
    return {text, WEXITSTATUS(status)};
  }
  fs::path file(const std::string& name) const { return folder_ / name; }
  fs::path folder_;
};

TEST_F(Out, GoesIntoPipesAndDevices) {
  const auto scores = verb("export quick frechet").first;
  ASSERT_EQ(::mkfifo(file("pipe").c_str(), 0600), 0);
  const auto [got, code] =
      verb("export quick frechet --format csv -o pipe", "> said & timeout 20 cat " + file("pipe").string() + "; wait $!");
  EXPECT_EQ(got, scores);
  EXPECT_EQ(read_file(file("said")), "pipe: 391 bytes of csv\n");
  EXPECT_TRUE(fs::is_fifo(file("pipe")));
  // A full disk in small, with a name of its own.
  if (::mknod(file("full").c_str(), S_IFCHR | 0600, makedev(1, 7)) != 0) GTEST_SKIP() << "devices are made by root";
  EXPECT_EQ(verb("curves quick prior.loss -o full"),
            std::make_pair(std::string("tessera: --out: cannot write full: No space left on device\n"), 1));
  EXPECT_TRUE(fs::is_character_file(file("full")));
}

TEST_F(Out, FollowsLinksAndKeepsPermissions) {
  fs::create_directory(file("there"));
  std::ofstream(file("there/target.csv")) << "old";
  ::chmod(file("there/target.csv").c_str(), 0640);
  fs::create_symlink("there/target.csv", file("link.csv"));
  fs::create_symlink("link.csv", file("links.csv"));
  EXPECT_EQ(verb("export quick frechet -o links.csv").first, "links.csv: 391 bytes of csv\n");
  EXPECT_TRUE(fs::is_symlink(file("links.csv")) && fs::is_symlink(file("link.csv")));
  EXPECT_EQ(read_file(file("there/target.csv")), verb("export quick frechet").first);
  EXPECT_EQ(fs::status(file("there/target.csv")).permissions(), fs::perms{0640});
  fs::create_symlink("there/new.csv", file("to_none.csv"));
  EXPECT_EQ(verb("export quick frechet -o to_none.csv").second, 0);
  EXPECT_EQ(fs::file_size(file("there/new.csv")), 391u);
  fs::create_symlink("circle.csv", file("circle.csv"));
  EXPECT_EQ(verb("export quick -o circle.csv").first,
            "tessera: --out: found 'circle.csv', expected a file: its links go round in a circle\n");
}

TEST_F(Out, IsStandardOutputWhereItIsADash) {
  const auto scores = verb("export quick frechet").first;
  EXPECT_EQ(verb("export quick frechet -o -").first, scores);
  // Not through a file that replaces the shell's, nor with a message in it.
  EXPECT_EQ(verb("export quick frechet --format csv -o /dev/stdout").first, scores);
  EXPECT_EQ(verb("export quick frechet --format csv -o /dev/stdout", "> redirected").first, "");
  EXPECT_EQ(read_file(file("redirected")), scores);
  EXPECT_EQ(verb("db datasette -o -").first, verb("db datasette").first);
  verb("report quick --no-pictures -o r.html");
  EXPECT_EQ(verb("report quick --no-pictures -o -").first.substr(0, 15), read_file(file("r.html")).substr(0, 15));
  EXPECT_EQ(verb("curves quick prior.loss -o -").first.substr(0, 5), "<svg ");
  EXPECT_EQ(verb("curves quick prior.loss -o -").first.substr(verb("curves quick prior.loss -o -").first.size() - 7), "</svg>\n");
  EXPECT_EQ(verb("curves quick prior.loss -o - --json"),
            std::make_pair(std::string("tessera: --out: found '-' and --json, expected one of them on standard output\n"), 2));
  EXPECT_EQ(fs::exists(file("-")), false);
}

TEST_F(Out, SaysWhatItExpects) {
  const auto said = [&](const std::string& words) {
    const auto [text, code] = verb(words);
    EXPECT_EQ(code, 2) << text;
    return text;
  };
  EXPECT_EQ(said("curves quick prior.loss -o loss.png"), "tessera: --out: found 'loss.png', expected a file name that ends in .svg\n");
  EXPECT_EQ(said("trace quick/causal/0 -o order.svg"), "tessera: --out: found 'order.svg', expected a file name that ends in .png\n");
  EXPECT_EQ(said("grid quick -o rows.jpg"), "tessera: --out: found 'rows.jpg', expected a file name that ends in .png\n");
  EXPECT_EQ(said("report quick -o report.pdf"), "tessera: --out: found 'report.pdf', expected a file name that ends in .html or .htm\n");
  EXPECT_EQ(said("db datasette -o metadata.yml"), "tessera: --out: found 'metadata.yml', expected a file name that ends in .json\n");
  for (const std::string words : {"export quick", "report quick", "curves quick prior.loss", "trace quick/causal/0", "grid quick"})
    EXPECT_EQ(said(words + " -o ''").rfind("tessera: --out: found '', expected a file name", 0), 0u) << words;
  EXPECT_EQ(said("report quick -o nowhere/r.html"),
            "tessera: --out: found 'nowhere/r.html', expected a file in a folder that exists: there is no folder nowhere\n");
  fs::create_directory(file("folder.html"));
  EXPECT_EQ(said("report quick -o folder.html"), "tessera: --out: found the folder 'folder.html', expected a file in it\n");
}

// Characters that mean something to LaTeX or Markdown stand for themselves.
TEST(ExportNames, AreText) {
  FakeResults results("export-names");
  auto front = results.front("f", 1);
  FakeResults::declare(front, "a_b & 50% #1", {"x|y", "<b>_*z*"});
  for (const std::string cell : {"x|y", "<b>_*z*"}) {
    const std::string key = cell == "x|y" ? "e1" : "e2";
    FakeResults::trial(front, "a_b & 50% #1", cell, 0, {{"evaluation.prior", key}});
    auto run = results.run("evaluation", key, 1, 0);
    run.metric("bits_{per}$token^~\\");
    run.step(0, {{"bits_{per}$token^~\\", key == "e1" ? 0.0000125 : -1.5}});
    results.publish(run, "evaluation", key, 1);
    run.end();
  }
  front.end();
  const auto made = [&](const std::string& format) {
    return shell(TESSERA_BINARY_DIR "/bin/tessera export 'a_b & 50% #1' --format " + format + " --results " + results.folder().string())
        .first;
  };
  EXPECT_EQ(made("latex"), R"(% \usepackage{booktabs}
% Does it work?

% prior
\begin{table}
  \centering
  \begin{tabular}{llrrrrlr}
    \toprule
    Metric & Arm & $n$ & Mean $\pm$ sd & Pairs & $\Delta$ & 95\,\% interval & $p$ \\
    \midrule
    bits\_\{per\}\$token\textasciicircum{}\textasciitilde{}\textbackslash{} $\downarrow$ & x\textbar{}y & 1 & $1.250 \times 10^{-5}$ &  &  &  &  \\
     & \textless{}b\textgreater{}\_*z* & 1 & $\mathbf{-1.500}$ & 1 & $-1.50$ &  &  \\
    \bottomrule
  \end{tabular}
  \caption{a\_b \& 50\% \#1, prior: 2 of 2 trials. $n$: distinct stages; $\Delta$: from x\textbar{}y, paired by seed; $p$: sign flips, Holm. 1 pair cannot reach p = 0.05: the least is 1.}
  \label{tab:a-b---50---1-prior}
\end{table}
)");
  EXPECT_EQ(made("markdown"), R"(## a\_b \& 50% \#1

Does it work?

2 of 2 trials done. Mean ± standard deviation over n distinct stages; ↑ more is better, ↓ less; **best**; Δ from x\|y, paired by seed; p: sign flips, Holm's correction.

1 pair cannot reach p = 0.05: the least is 1.

### prior

| metric | arm | n | mean ± sd | pairs | Δ | 95 % interval | p |
|---|---|--:|--:|--:|--:|---|--:|
| bits\_\{per\}\$token^\~\\ ↓ | x\|y | 1 | 1.250e-05 |  |  |  |  |
| bits\_\{per\}\$token^\~\\ ↓ | \<b\>\_\*z\* | 1 | **-1.500** | 1 | -1.50 |  |  |
)");
}

}  // namespace
}  // namespace tessera
