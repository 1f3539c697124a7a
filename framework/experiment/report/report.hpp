// An experiment as one HTML file that needs no network: data as JSON, page and charts drawn by its own script. Chart.js is a package
// of the system and is copied into the file when it is written; page.html, page.css, page.js and charts.js lie beside this source
// and are part of the program.
#pragma once
#include <SQLiteCpp/Database.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/json.hpp"

namespace tessera {

struct ReportRequest {
  std::string experiment;
  bool pictures = true;
  std::filesystem::path chart_js;  // empty: where the Debian package libjs-chart.js has it
};

struct Report {
  std::string html;
  std::vector<std::string> notes;  // what could not be shown, and why
};

// Current cells, published stages. Throws Error(bad_config) on an unknown experiment, Error(run_failed) where Chart.js is not found.
Report make_report(SQLite::Database& database, const std::filesystem::path& results, const ReportRequest& request);

// The text of Chart.js: of the file asked for, or of the system's package. Throws Error(run_failed) with what to install.
std::string chart_library(const std::filesystem::path& asked = {});

// What the page shows, as its script reads it: {"tables": {name: {columns, rows, sql, arguments}}, "comparison", "curves", "pictures", …}.
Json report_data(SQLite::Database& database, const std::filesystem::path& results, const ReportRequest& request,
                 std::vector<std::string>& notes);

// The page around data. `library`: the text of Chart.js. Scripts and style are allowed by their hashes, and nothing else is: a
// name that holds markup stays text, and the page can reach no network.
std::string report_page(const std::string& title, const Json& data, const std::string& library);

}  // namespace tessera
