"""The report in a real browser: at 400 and 1600 pixels, light and dark, of a ledger whose every name is markup that would run a script.
Fails on anything the console says, on any request, on a page wider than its window, on a chart that is not drawn, on a script that ran,
where the charts do not follow the colour scheme, and where a difference is marked better or worse than its interval and its metric's
arrow say. Each of these checks is shown a page on which it must fail.

page_test.py BIN_FOLDER [FOLDER]     FOLDER: where to leave the report and a picture of each setting
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from browser import Browser
from report_ledger import ATTACKS, Results

# Forest plots of 4 metrics, frontiers of 2 by each of two costs, curves of 4, parallel coordinates of 2 parts.
CHARTS = 14
READY = "document.documentElement?.dataset.ready === 'yes'"
# Down the page a window at a time, so that every chart comes near the window once.
SCROLL = """(async () => {
  for (const one of document.querySelectorAll('details')) one.open = true;
  for (let pass = 0; pass < 2; ++pass)
    for (let y = 0; y < document.documentElement.scrollHeight; y += 500) {
      scrollTo({ top: y, behavior: 'instant' });
      await new Promise((done) => setTimeout(done, 25));
    }
  scrollTo({ top: 0, behavior: 'instant' });
})()"""
# Pixels of a chart that are not of the paper's colour: a canvas that was laid out and never drawn has none.
INKED = """[...document.querySelectorAll('canvas')].map((canvas) => {
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width || 1, canvas.height || 1).data;
  let inked = 0;
  for (let i = 3; i < pixels.length; i += 4) inked += pixels[i] > 0;
  return canvas.dataset.chart === 'drawn' ? inked : 0;
})"""
LIGHTNESS = """(() => {
  const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number);
  return (r + g + b) / 765;
})()"""
# The title of a difference's column, what it says, and how it is marked.
DIFFERENCES = """[...document.querySelectorAll('td .delta')].map((one) =>
  [one.closest('table').tHead.rows[0].cells[one.closest('td').cellIndex].textContent, one.textContent, one.classList[1] ?? ''])"""


def misjudged(differences):
    """Differences whose mark is not what their interval and the arrow of their metric say, each as a sentence."""
    wrong, marks = [], set()
    for title, text, mark in differences:
        interval = re.search(r"\[(\S+) … (\S+)\]$", text)
        low, high = map(float, interval.groups()) if interval else (0, 0)
        if low == 0 or high == 0:
            continue  # not shown, or rounded to the border
        up, down = "↑" in title, "↓" in title
        expected = "" if low < 0 < high or not (up or down) else "better" if (low > 0) == up else "worse"
        marks.add(mark)
        if mark != expected:
            wrong.append(f"{text} of {title} is marked {mark!r}, expected {expected!r}")
    if marks != {"", "better", "worse"}:
        wrong.append(f"differences are marked {marks}, expected some better, some worse, some neither")
    return wrong


def judge(browser, url, width, scheme, charts):
    """What is wrong with the page in this setting: a list of sentences."""
    browser.show(width, 1000, scheme)
    browser.open(url, READY, limit=5)
    browser.evaluate(SCROLL)
    wrong = list(browser.complaints())
    inked = browser.evaluate(INKED)
    if len(inked) != charts or min(inked, default=0) < 200:
        wrong.append(f"found {len(inked)} charts with {inked} pixels, expected {charts}, all drawn")
    wide = browser.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
    if wide > width:
        wrong.append(f"the page is {wide} pixels wide in a window of {width}")
    if browser.evaluate("window.owned !== undefined || document.querySelector('img[src=x], svg') !== null"):
        wrong.append("a name was taken as markup")
    if browser.evaluate("document.scripts.length") != 3:
        wrong.append(f"found {browser.evaluate('document.scripts.length')} scripts, expected 3")
    wrong += misjudged(browser.evaluate(DIFFERENCES))
    if (browser.evaluate(LIGHTNESS) > 0.5) != (scheme == "light"):
        wrong.append(f"the paper does not follow the colour scheme {scheme}")
    return wrong


def paste(browser, programs, results, scratch):
    """What goes wrong when each line below a table or a chart is pasted into a shell: names must stay words there."""
    wrong = []
    lines = browser.evaluate("[...document.querySelectorAll('.sql pre')].map((one) => one.textContent)")
    if len(lines) < 16:
        wrong.append(f"found {len(lines)} queries, expected at least 16")
    for line in dict.fromkeys(lines):
        done = subprocess.run(["bash", "-c", f"{line} --results {results}"], cwd=scratch, capture_output=True, text=True,
                              env={"PATH": f"{programs.resolve()}:/usr/bin:/bin"}, check=False)
        if done.returncode != 0 or "no row" in done.stderr:
            wrong.append(f"{line}\nends with {done.returncode}: {done.stderr}")
    if (scratch / "owned").exists():
        wrong.append("a name was run by the shell")
    return wrong


def frontier_differs(browser, programs, results, experiment):
    """Where the members of the frontiers drawn are not those that `compare --frontier` finds."""
    said = subprocess.run([programs / "tessera", "compare", experiment, "--frontier", "--json", "--results", results], capture_output=True, text=True, check=True)
    comparison = json.loads(said.stdout)
    rows = [row["cells"] for part in comparison["parts"] if part["name"] == "samples.free" for row in part["rows"]]
    expected, sizes = {}, []
    for frontier in comparison["frontiers"]:
        if frontier["cost"] not in ("token_forwards", "evaluations"):
            continue
        members = sorted((point["cells"] for point in frontier["points"] if point["on_frontier"]), key=rows.index)
        sizes.append(len(members))
        expected[frontier["cost"], frontier["quality"]] = "Best for their cost: " + "; ".join(" = ".join(cells) for cells in members)
    captions = browser.evaluate("[...document.querySelectorAll('#frontier .charts')].flatMap((charts) => [...charts.querySelectorAll('figcaption')]"
                                ".map((one) => [charts.previousElementSibling.textContent, one.firstChild.textContent, one.lastChild.textContent]))")
    found = {(heading.split(" by ")[1].replace(" ", "_"), title.rsplit(" ", 1)[0]): caption for heading, title, caption in captions}
    wrong = [] if found == expected else [f"found the frontiers {found}, expected {expected}"]
    if not any(1 < size < len(rows) for size in sizes):
        wrong.append(f"frontiers of {sizes} members out of {len(rows)} tell nothing")
    return wrong


def mutants(html):
    """Pages with one fault each, and a word of what must be said of it."""
    policy = html[html.index('<meta http-equiv="Content-Security-Policy"'):]
    policy = policy[:policy.index(">") + 1]
    assert html.count(policy) == 1 and html.count("\\u003c") > 10
    return {
        "names as markup": (html.replace(policy, "").replace("</header>", f"{ATTACKS[2]}{ATTACKS[4]}</header>"), "taken as markup"),
        "unescaped data": (html.replace(policy, "").replace("\\u003c", "<"), ""),
        "a foreign script": (html.replace("</header>", "</header><script>window.owned = 1</script>"), "Content Security Policy"),
        "a foreign picture": (html.replace("</header>", '</header><img src="https://example.org/a.png">'), "Content Security Policy"),
        "a request": (html.replace(policy, "").replace("</header>", '</header><img src="https://example.org/a.png">'), "request: https://example.org/a.png"),
        "a wide page": (html.replace(policy, "").replace("</header>", '<p style="width: 3000px; max-width: none">wide</p></header>'), "pixels wide"),
        "charts that stay away": (html.replace(policy, "").replace("figure.chart = new Chart(figure.canvas, config);", "figure.chart = {};"), "charts with"),
        "marks swapped": (html.replace(policy, "").replace("(low > 0) === (goal === 'max')", "(low > 0) !== (goal === 'max')"), "is marked"),
        "one scheme": (html.replace(policy, "").replace("@media (prefers-color-scheme: dark)", "@media (min-width: 99999px)"), "follow the colour scheme"),
    }


def main():
    programs = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else scratch)
        ledger = Results(pathlib.Path(scratch) / "results", hostile=True)
        experiment = ledger.write()
        report = folder / "report.html"
        subprocess.run([programs / "tessera", "report", experiment, "--results", ledger.folder, "-o", report], check=True)
        html = report.read_text()
        assert "http://" not in html and html.count("<script") == 3, "expected three scripts and no address"
        problems = []
        with Browser() as browser:
            browser.call("Emulation.setScrollbarsHidden", hidden=True)
            for width in (400, 1600):
                for scheme in ("light", "dark"):
                    problems += [f"{width} {scheme}: {one}" for one in judge(browser, report.as_uri(), width, scheme, CHARTS)]
                    browser.screenshot(folder / f"report-{width}-{scheme}.png", whole=True)
            before = browser.evaluate("document.querySelector('canvas').toDataURL()")
            browser.show(1600, 1000, "light")
            if browser.evaluate("new Promise((done) => setTimeout(done, 300)).then(() => document.querySelector('canvas').toDataURL())") == before:
                problems.append("charts do not follow a change of the colour scheme")
            heading = browser.evaluate("document.querySelector('h1').textContent")
            if not heading.startswith("Does it work?") or not any(heading.endswith(attack) for attack in ATTACKS):
                problems.append(f"found the heading {heading!r}, expected the question as it was asked")
            titles = browser.evaluate("[...document.querySelectorAll('h2')].map((one) => one.textContent)")
            wanted = ["Results", "Effects", "Cost and quality", "Curves", "Options and metrics", "Pictures", "Design", "Plugins and environments",
                      "Limits and notes"]
            if titles != wanted:
                problems.append(f"found the sections {titles}, expected {wanted}")
            labels = [f"codes=256, quantizer={name}, loss=l1, prior.layers=4, steps=8" for name in ("vq", "ema", "fsq")] + ["short"]
            labels += [f"data=emoji, quantizer={name}, dim=4, beta=0.25, layers={n}, heads=4, steps=8" for name in ("vq", "ema") for n in (4, 6)]
            cut = browser.evaluate(f"charts.abbreviated({json.dumps(labels)}, 24)")
            if len(set(cut)) < len(labels) or max(map(len, cut)) > 24 or "short" not in cut:
                problems.append(f"found the labels {cut}, expected different ones of at most 24 letters")
            cells = [f"tokenizer.quantizer.codes={codes}, tokenizer.encoder.depth={depth}, prior.layers=2" for codes in (64, 256) for depth in (4, 32)]
            brief = browser.evaluate(f"charts.brief({json.dumps(cells)})")
            if brief != [f"codes={codes}, depth={depth}" for codes in (64, 256) for depth in (4, 32)]:
                problems.append(f"found the labels {brief}, expected those options that differ")
            problems += frontier_differs(browser, programs, ledger.folder, experiment)
            problems += paste(browser, programs, ledger.folder, pathlib.Path(scratch))
            for name, (page, word) in mutants(html).items():
                mutant = pathlib.Path(scratch) / "mutant.html"
                mutant.write_text(page)
                try:
                    found = judge(browser, mutant.as_uri(), 400, "dark", CHARTS)
                except RuntimeError as error:
                    found = [str(error)]
                if not found or not any(word in one for one in found):
                    problems.append(f"the page with {name} passes; it was said of it: {found}")
        assert not problems, "\n".join(problems)
        print("report: 4 settings, 9 faulty pages: all right")


if __name__ == "__main__":
    main()
