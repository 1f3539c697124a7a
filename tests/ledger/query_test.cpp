// Reading: the authorizer, named queries, columns as documented, the SQL of the documents.
#include <gtest/gtest.h>

#include <regex>

#include "core/error.hpp"
#include "ledger_fixture.hpp"
#include "registry/ledger/query.hpp"
#include "registry/ledger/schema.hpp"

namespace tessera {
namespace {

class Query : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    results_ = new FakeResults("query");
    write_experiment(*results_);
    record(results_->folder());
  }
  static void TearDownTestSuite() { delete results_; }
  Table ask(const std::string& sql, const std::vector<std::string>& arguments = {}) {
    auto database = open_read_only(ledger_file(results_->folder()));
    return query(database, sql, arguments);
  }
  std::string refusal(const std::string& sql, const std::vector<std::string>& arguments = {}) {
    try {
      ask(sql, arguments);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::bad_config);
      return error.what();
    }
    return "no refusal";
  }
  static FakeResults* results_;
};
FakeResults* Query::results_ = nullptr;

TEST_F(Query, RefusesWhatDoesMoreThanRead) {
  const std::string writes = "query: the ledger is read-only: found a statement that does more than read, expected a SELECT";
  for (const char* sql :
       {"DELETE FROM point", "UPDATE stage SET key = 'x'", "DROP TABLE point", "ATTACH '/tmp/x.db' AS x", "CREATE TEMP TABLE t (a)",
        "PRAGMA journal_mode = WAL", "VACUUM INTO '/tmp/x.db'", "SELECT load_extension('/tmp/x.so')", "BEGIN IMMEDIATE"})
    EXPECT_EQ(refusal(sql), writes) << sql;
  EXPECT_EQ(refusal("SELECT 1; SELECT 2"), "query: found more than one statement, expected one");
  EXPECT_EQ(refusal("  -- nothing"), "query: found no statement, expected a SELECT");
  EXPECT_EQ(refusal("SELECT valu FROM v_score"), "query: no such column: valu (at character 8)");
  EXPECT_EQ(refusal("SELECT \"quick\""), "query: no such column: quick (at character 8)");
  EXPECT_EQ(refusal("SELECT 1", {"a"}), "query: found 1 arguments, expected at most 0");
  EXPECT_EQ(ask("SELECT 1; -- a comment").rows.size(), 1u);
  EXPECT_FALSE(ask("PRAGMA table_info(point)").rows.empty());
}

TEST_F(Query, BindsArguments) {
  EXPECT_EQ(std::get<std::string>(ask("SELECT typeof(?1) || typeof(?2) || typeof(?3)", {"7", "0.5", "quick"}).rows[0][0]),
            "integerrealtext");
  EXPECT_EQ(std::get<int64_t>(ask("SELECT count(*) FROM v_score WHERE experiment = ?", {"quick"}).rows[0][0]) > 0, true);
}

TEST_F(Query, EveryNamedQueryRuns) {
  for (const auto& named : named_queries())
    for (const auto& arguments : {std::vector<std::string>{}, std::vector<std::string>{"quick"}}) {
      if (arguments.size() > (*named.parameters ? 1u : 0u)) continue;
      EXPECT_FALSE(ask(named.sql, arguments).columns.empty()) << named.name;
    }
  EXPECT_EQ(ask(named_query("best").sql, {"quick"}).rows.size(),
            5u);  // loss and rate of the tokenizer, loss of the prior, frechet, nearest
  EXPECT_EQ(ask(named_query("nan").sql).rows.size(), 8u);
  try {
    named_query("bset");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean @best?"), std::string::npos);
  }
}

// By hand from write_experiment(): causal has the priors 1 and 3, masked 2 and 4.
TEST_F(Query, NamedQueriesSayTheNumbersOfCurrentTrials) {
  const auto best = ask("SELECT cell || ' ' || value || ' ' || stages FROM (" + std::string(named_query("best").sql) +
                            ") WHERE metric = 'frechet' AND ?1 IS NOT NULL",
                        {"quick"});
  ASSERT_EQ(best.rows.size(), 1u);
  EXPECT_EQ(std::get<std::string>(best.rows[0][0]), "causal 9.5 2");
  const auto curve = ask(named_query("curve").sql, {"quick", "loss"}).rows;  // cell, slot, step, mean, min, max, stages
  int causal = 0;
  for (const auto& row : curve) {
    EXPECT_NE(std::get<std::string>(row[0]), "retired");
    if (std::get<std::string>(row[0]) != "causal" || std::get<std::string>(row[1]) != "prior" || std::get<int64_t>(row[2]) != 5) continue;
    ++causal;
    EXPECT_DOUBLE_EQ(std::get<double>(row[3]), 2.5);
    EXPECT_DOUBLE_EQ(std::get<double>(row[4]), 1.5);
    EXPECT_DOUBLE_EQ(std::get<double>(row[5]), 3.5);
    EXPECT_EQ(std::get<int64_t>(row[6]), 2);
  }
  EXPECT_EQ(causal, 1);
  EXPECT_EQ(ask("SELECT DISTINCT cell FROM v_curve WHERE NOT current").rows.size(), 1u) << "the view has the retired cell, and says so";
  EXPECT_EQ(ask("SELECT 1 FROM v_sample WHERE NOT current").rows.size(), 0u);
}

TEST_F(Query, ViewsHaveTheirDocumentedColumns) {
  for (const auto& view : ledger_views()) {
    std::vector<std::string> documented;
    for (const auto& column : view.columns) documented.emplace_back(column.name);
    EXPECT_EQ(ask(std::string("SELECT * FROM ") + view.name + " LIMIT 1").columns, documented) << view.name;
  }
}

TEST_F(Query, ScoresAreLastStepOrMeanOverSamples) {
  const auto rows =
      ask("SELECT metric, value, n, n_nan FROM v_score WHERE cell = 'causal' AND seed = 0 AND slot LIKE 'evaluation%' ORDER BY metric")
          .rows;
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(std::get<double>(rows[0][1]), 8.5);
  EXPECT_DOUBLE_EQ(std::get<double>(rows[1][1]), (0.5 + 0.25 + 1.0) / 3);
  EXPECT_EQ(std::get<int64_t>(rows[1][3]), 1);
}

// Each ```sql block of the document must run; its tables must be those that the declarations give (`ledger_tool reference`).
TEST_F(Query, DocumentedSqlRuns) {
  const std::string text = read_file(TESSERA_SOURCE_DIR "/framework/docs/ledger.md");
  const std::regex block("```sql\n([^`]*)```");
  int blocks = 0;
  for (auto match = std::sregex_iterator(text.begin(), text.end(), block); match != std::sregex_iterator(); ++match, ++blocks)
    EXPECT_NO_THROW(ask((*match)[1].str())) << (*match)[1].str();
  EXPECT_GE(blocks, 8);
  for (const auto& view : ledger_views()) {
    EXPECT_NE(text.find(std::string("### ") + view.name + "\n" + view.doc + "\n"), std::string::npos) << view.name;
    for (const auto& column : view.columns)
      EXPECT_NE(text.find(std::string("| `") + column.name + "` | " + column.doc + " |"), std::string::npos)
          << view.name << "." << column.name;
  }
  for (const auto& named : named_queries())
    EXPECT_NE(text.find(std::string("| `@") + named.name + (*named.parameters ? std::string(" ") + named.parameters : "") + "` | " +
                        named.summary + " |"),
              std::string::npos)
        << named.name;
}

}  // namespace
}  // namespace tessera
