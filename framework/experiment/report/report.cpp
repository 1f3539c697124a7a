#include "experiment/report/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/error.hpp"
#include "core/files.hpp"
#include "core/hash.hpp"
#include "core/text.hpp"

namespace tessera {

// Made by EmbedText.cmake from the files beside this one.
extern const char* const kReportHtml;
extern const char* const kReportCss;
extern const char* const kReportChartsJs;
extern const char* const kReportPageJs;

namespace {

constexpr const char* kChartJs = "/usr/share/javascript/chart.js/chart.min.js";

// JSON that may stand inside <script>: "<" is written as an escape, so that no string can end the element or open a comment.
std::string json_in_html(const Json& data) {
  const std::string text = data.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    if (c == '<')
      escaped += "\\u003c";
    else
      escaped += c;
  }
  return escaped;
}

std::string integrity(const std::string& text) {
  const std::string hex = sha256(text);
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return "'sha256-" + base64_encode(bytes) + "'";
}

}  // namespace

std::string chart_library(const std::filesystem::path& asked) {
  const std::filesystem::path file = asked.empty() ? kChartJs : asked;
  if (!std::filesystem::exists(file))
    throw Error(
        ExitCode::run_failed,
        fmt::format("report: {}: found no such file, expected Chart.js: install the Debian package libjs-chart.js (the set-up does), or "
                    "name a chart.min.js of version 3 or 4 by --chart-js",
                    file.string()));
  std::string text = read_file(file);
  if (text.substr(0, 300).find("Chart.js v") == std::string::npos || text.find("</script") != std::string::npos)
    throw Error(ExitCode::run_failed,
                fmt::format("report: {}: found a file that does not begin as Chart.js does, expected chart.min.js of version 3 or 4",
                            file.string()));
  return text;
}

std::string report_page(const std::string& title, const Json& data, const std::string& library) {
  const std::string css = kReportCss, script = std::string(kReportChartsJs) + kReportPageJs;
  const std::string policy =
      fmt::format("default-src 'none'; img-src data:; style-src {}; script-src {} {}; base-uri 'none'; form-action 'none'", integrity(css),
                  integrity(library), integrity(script));
  const std::array<std::pair<const char*, std::string>, 6> fills = {{{"{{policy}}", policy},
                                                                     {"{{title}}", markup_text(title)},
                                                                     {"{{style}}", css},
                                                                     {"{{data}}", json_in_html(data)},
                                                                     {"{{library}}", library},
                                                                     {"{{script}}", script}}};
  // In the order of the template, each once: what is filled in is not searched again.
  const std::string_view page = kReportHtml;
  std::string html;
  size_t done = 0;
  for (const auto& [mark, text] : fills) {
    const size_t at = page.find(mark, done);
    html += page.substr(done, at - done);
    html += text;
    done = at + std::string_view(mark).size();
  }
  html += page.substr(done);
  return html;
}

Report make_report(SQLite::Database& database, const std::filesystem::path& results, const ReportRequest& request) {
  const std::string library = chart_library(request.chart_js);
  Report report;
  const Json data = report_data(database, results, request, report.notes);
  report.html = report_page(data.at("experiment").get<std::string>(), data, library);
  return report;
}

}  // namespace tessera
