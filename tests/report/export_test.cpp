// export: whole texts of the four formats, and what cannot be exported.
#include <gtest/gtest.h>

#include "core/json.hpp"
#include "tests/ledger/ledger_fixture.hpp"

namespace tessera {
namespace {

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

4 of 4 trials done. Mean ± standard deviation over n distinct stages; ↑ more is better, ↓ less; **best**; Δ from causal, paired by seed; p: exact sign flips, Holm's correction.

### samples.free

| metric | arm | n | mean ± sd | Δ | 95 % interval | p |
|---|---|--:|--:|--:|---|--:|
| frechet ↓ | causal | 2 | **9.5 ± 1.4** |  |  |  |
| frechet ↓ | masked | 2 | 10.5 ± 1.4 | +1.00 | +1.00 … +1.00 | 0.500 |
)");
}

TEST_F(Export, Latex) {
  EXPECT_EQ(tessera("quick frechet --format latex").first, R"(% \usepackage{booktabs}
% Does it work?

% samples.free
\begin{table}
  \centering
  \begin{tabular}{llrrrlr}
    \toprule
    Metric & Arm & $n$ & Mean $\pm$ sd & $\Delta$ & 95\,\% interval & $p$ \\
    \midrule
    frechet $\downarrow$ & causal & 2 & $\mathbf{9.5 \pm 1.4}$ &  &  &  \\
     & masked & 2 & $10.5 \pm 1.4$ & $+1.00$ & $[+1.00,\ +1.00]$ & $0.500$ \\
    \bottomrule
  \end{tabular}
  \caption{quick, samples.free. $n$: distinct stages; $\Delta$: from causal, paired by seed; $p$: exact sign flips, Holm.}
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
      std::make_pair(std::string("tessera: export: found metric 'frehet', expected one that quick has; did you mean \"frechet\"?\n"), 2));
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
  \begin{tabular}{llrrrlr}
    \toprule
    Metric & Arm & $n$ & Mean $\pm$ sd & $\Delta$ & 95\,\% interval & $p$ \\
    \midrule
    bits\_\{per\}\$token\textasciicircum{}\textasciitilde{}\textbackslash{} $\downarrow$ & x\textbar{}y & 1 & $1.250 \times 10^{-5}$ &  &  &  \\
     & \textless{}b\textgreater{}\_*z* & 1 & $\mathbf{-1.500}$ & $-1.50$ &  &  \\
    \bottomrule
  \end{tabular}
  \caption{a\_b \& 50\% \#1, prior. $n$: distinct stages; $\Delta$: from x\textbar{}y, paired by seed; $p$: exact sign flips, Holm.}
  \label{tab:a-b---50---1-prior}
\end{table}
)");
  EXPECT_EQ(made("markdown"), R"(## a\_b \& 50% \#1

Does it work?

2 of 2 trials done. Mean ± standard deviation over n distinct stages; ↑ more is better, ↓ less; **best**; Δ from x\|y, paired by seed; p: exact sign flips, Holm's correction.

### prior

| metric | arm | n | mean ± sd | Δ | 95 % interval | p |
|---|---|--:|--:|--:|---|--:|
| bits\_\{per\}\$token^\~\\ ↓ | x\|y | 1 | 1.250e-05 |  |  |  |
| bits\_\{per\}\$token^\~\\ ↓ | \<b\>\_\*z\* | 1 | **-1.500** | -1.50 |  |  |
)");
}

}  // namespace
}  // namespace tessera
