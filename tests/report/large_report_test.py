"""A report of 500 trials: <= 3 s to write, <= 2 s to open, <= 6 MB without pictures. Fails beyond twice the times, and prints them.

large_report_test.py BIN_FOLDER
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from browser import Browser

WRITE, OPEN, MEGABYTES = 3, 2, 6
READY = "document.documentElement?.dataset.ready === 'yes'"


def main():
    programs = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch, Browser() as browser:
        for cells, seeds in ((100, 5), (500, 1)):
            results, report = pathlib.Path(scratch) / f"{cells}", pathlib.Path(scratch) / f"{cells}.html"
            subprocess.run([programs / "large_results", results, str(cells), str(seeds), "100"], check=True)
            listed = subprocess.run([programs / "tessera", "ls", "--json", "--results", results], check=True, capture_output=True, text=True)
            assert next(one for one in json.loads(listed.stdout) if one["experiment"] == "large")["done"] == 500
            begin = time.monotonic()
            subprocess.run([programs / "tessera", "report", "large", "--no-pictures", "--results", results, "-o", report], check=True,
                           capture_output=True)
            written, size = time.monotonic() - begin, report.stat().st_size / 1e6
            browser.show(1600, 1000, "light")
            opened = min(browser.open(report.as_uri(), READY) for _ in range(3))
            rows = browser.evaluate("document.querySelectorAll('#results tbody tr').length")
            print(f"{cells} cells x {seeds} seeds: {written:.2f} s to write, {opened:.2f} s to open, {size:.1f} MB, {rows} rows of results")
            assert written <= 2 * WRITE and opened <= 2 * OPEN and size <= MEGABYTES and rows > 2 * cells
            assert not browser.complaints(), browser.complaints()


if __name__ == "__main__":
    main()
