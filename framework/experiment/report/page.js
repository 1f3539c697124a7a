// The page: reads the data, makes sections out of it. All text is set as text, never as markup.
'use strict';

(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const { comparison, tables } = data;

  // ---- Elements and numbers ----
  function make(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value === undefined || value === false || value === '') continue;
      if (key === 'class') element.className = value;
      else if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
      else element.setAttribute(key, value === true ? '' : value);
    }
    element.append(...children.filter((child) => child !== undefined && child !== null && child !== ''));
    return element;
  }
  const number = (value) => (typeof value === 'number' ? value : { inf: Infinity, '-inf': -Infinity }[value] ?? NaN);
  const { short } = charts;
  // Two significant digits of the spread, and the value to the same place.
  const decimals = (spread, value) => (spread > 1e-7 * Math.abs(value) && Number.isFinite(spread) ? Math.min(9, Math.max(0, 1 - Math.floor(Math.log10(spread)))) : null);
  const placed = (value, places) => (places === null ? short(value) : value.toFixed(places));
  const signed = (value, places) => (value > 0 ? '+' : '') + placed(value, places);
  const estimate = (value) => {
    const places = decimals(number(value.sd), number(value.mean));
    const mean = placed(number(value.mean), places);
    return value.sd === undefined || places === null ? mean : `${mean} ± ${number(value.sd).toFixed(places)}`;
  };
  const markClass = (i) => (i < 0 ? 'mark' : `mark c${i % 8} s${charts.style(i)}`); // as charts draw the cell
  const pValue = (p) => (p === undefined ? '' : p < 0.0005 ? '<0.001' : p.toFixed(3));
  const heading = (metric) => metric.name + (metric.goal === 'max' ? ' ↑' : metric.goal === 'min' ? ' ↓' : '') + (metric.unit ? `, ${metric.unit}` : '');
  const rowsOf = (table) => table.rows.map((row) => Object.fromEntries(row.map((value, i) => [table.columns[i], value])));
  // Cells that share their stages, by one name.
  function joined(group) {
    if (group.length > 1 && group.length === tables.cells.rows.length) return 'all cells';
    return group.length <= 4 ? group.join(' = ') : `${group.slice(0, 3).join(' = ')} = … (${group.length} cells)`;
  }

  // ---- Tables ----
  // columns: [{title, number, hint, long}]; rows: [{cells: [text | {text, sort, class, below}], class}]. The first column names the row.
  function sortBy(body, head, column) {
    const up = head.getAttribute('aria-sort') !== 'ascending';
    for (const other of head.parentElement.children) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
    const key = (row) => row.children[column]?.dataset.sort ?? row.children[column]?.textContent ?? '';
    const compare = (a, b) => (Number.isNaN(a - b) || a === '' || b === '' ? String(a).localeCompare(String(b)) : a - b);
    body.append(...[...body.rows].sort((a, b) => (up ? 1 : -1) * compare(key(a), key(b))));
  }
  function table(columns, rows, caption, titled = true) {
    const body = make('tbody');
    for (const row of rows) {
      const line = make('tr', { class: row.class });
      row.cells.forEach((cell, i) => {
        const { text, sort, below, ...more } = cell !== null && typeof cell === 'object' ? cell : { text: cell };
        const shown = text === null || text === undefined ? '' : typeof text === 'number' ? short(text) : text;
        const classes = [columns[i].number ? 'number' : '', columns[i].long ? 'long' : '', more.class ?? ''].filter(Boolean).join(' ');
        const element = i === 0 ? make('th', { scope: 'row', class: classes, title: typeof shown === 'string' ? shown : '' }) : make('td', { class: classes });
        if (cell?.mark !== undefined) element.append(make('span', { class: markClass(cell.mark) }));
        element.append(shown);
        if (below) element.append(below);
        if (sort !== undefined || typeof text === 'number') element.dataset.sort = sort ?? text;
        line.append(element);
      });
      body.append(line);
    }
    const heads = columns.map((column, i) => {
      const head = make('th', { scope: 'col', class: column.number ? 'number' : '', title: column.hint });
      head.append(make('button', { type: 'button', onclick: () => sortBy(body, head, i) }, column.title));
      return head;
    });
    return make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption },
      make('table', {}, caption && titled ? make('caption', {}, caption) : '', make('thead', {}, make('tr', {}, ...heads)), body));
  }
  // A table as the ledger answers it. Columns of long text wrap.
  function answered(answer, caption, longs = []) {
    const numeric = answer.columns.map((_, i) => answer.rows.every((row) => row[i] === null || typeof row[i] === 'number'));
    // A hash is known by its first digits; a list that SQL made has no spaces.
    const cell = (value, title) => (title === 'sha256' && value ? { text: `${value.slice(0, 16)}…` } : title.endsWith('s_of') && value ? value.replaceAll(',', ', ') : value);
    return table(answer.columns.map((title, i) => ({ title: title.replaceAll('_', ' '), number: numeric[i], long: longs.includes(title) })),
      answer.rows.map((row) => ({ cells: row.map((value, i) => cell(value, answer.columns[i])) })), caption);
  }
  // What a later version says that this page has no place for: lists of objects as tables, the rest as text.
  function plain(value) {
    if (Array.isArray(value) && value.length && value.every((one) => one && typeof one === 'object' && !Array.isArray(one))) {
      const titles = [...new Set(value.flatMap(Object.keys))];
      const cells = (one) => titles.map((title) => (one[title] && typeof one[title] === 'object' ? JSON.stringify(one[title]) : String(one[title] ?? '')));
      return table(titles.map((title) => ({ title, long: true })), value.map((one) => ({ cells: cells(one) })));
    }
    if (Array.isArray(value) && value.every((one) => typeof one !== 'object')) return make('ul', {}, ...value.map((one) => make('li', {}, String(one))));
    return typeof value === 'object' ? make('pre', {}, JSON.stringify(value, null, 1)) : make('p', {}, String(value));
  }

  // ---- SQL ----
  const shellWord = (word) => {
    const text = String(word);
    if (/^[\w@%+=:,./-]+$/.test(text)) return text;
    return /["$`\\!]/.test(text) ? `'${text.replaceAll("'", "'\\''")}'` : `"${text}"`;
  };
  const sql = (text, ...words) => make('details', { class: 'sql' }, make('summary', {}, 'SQL'),
    make('pre', {}, `tessera query ${[text, data.experiment, ...words].map(shellWord).join(' ')}`));

  // ---- Sections ----
  const contents = make('ul');
  function section(id, title, ...children) {
    const kept = children.flat().filter(Boolean);
    if (!kept.length) return;
    contents.append(make('li', {}, make('a', { href: `#${id}` }, title)));
    document.getElementById('report').append(make('section', { id, 'aria-labelledby': `${id}-title` }, make('h2', { id: `${id}-title` }, title), ...kept));
  }
  const figure = (title, about, canvas) => make('figure', {}, make('figcaption', {}, title, about ? make('span', { class: 'faint' }, about) : ''),
    make('div', { class: 'roll' }, canvas));
  const folded = (title, open, fill) => {
    const details = make('details', { open }, make('summary', {}, title));
    if (open) details.append(...fill());
    else details.addEventListener('toggle', () => details.append(...fill()), { once: true });
    return details;
  };

  const cells = rowsOf(tables.cells);
  const position = new Map(cells.map((one, i) => [one.cell, i]));
  const trials = rowsOf(tables.trials);
  const seeds = [...new Set(trials.map((one) => one.seed))].sort((a, b) => a - b);
  // A colour a cell; where there are too many cells for that, a colour a point of the first axis that varies (of the arms, as a rule).
  const kMostColours = 10;
  function colours() {
    if (cells.length <= kMostColours) return position;
    const points = cells.map((one) => JSON.parse(one.axes ?? '{}'));
    const axes = [...new Set(points.flatMap(Object.keys))].filter((axis) => new Set(points.map((one) => one[axis])).size > 1);
    const axis = axes.includes('arm') ? 'arm' : axes[0];
    const kinds = [...new Set(points.map((one) => String(one[axis])))];
    return new Map(cells.map((one, i) => [one.cell, kinds.indexOf(String(points[i][axis]))]));
  }
  const colour = colours();
  // Of cells that share their stages the colour of the first; all cells together are grey.
  const colourOf = (group) => (group.length > 1 && group.length === cells.length ? -1 : colour.get(group[0]) ?? -1);
  const legends = [];
  function legend() {
    if (cells.length < 2) return '';
    const list = make('div', { class: 'legend', role: 'group', 'aria-label': 'Cells shown in charts' });
    for (const { cell } of cells) {
      const button = make('button', { type: 'button', 'aria-pressed': 'true', title: cell, onclick: () => {
        charts.toggle(cell);
        for (const one of legends) if (one.cell === cell) one.button.setAttribute('aria-pressed', String(charts.shown([cell])));
      } }, make('span', { class: markClass(colour.get(cell)) }), cell);
      legends.push({ cell, button });
      list.append(button);
    }
    return cells.length > 12 ? folded(`${cells.length} cells: take some out of the charts`, false, () => [list]) : list;
  }

  function header() {
    document.getElementById('top').append(
      make('h1', {}, data.question || data.experiment),
      make('ul', { class: 'facts' },
        make('li', {}, 'Experiment ', make('b', {}, data.experiment)), make('li', {}, make('b', {}, `${comparison.trials_done} of ${comparison.trials}`), ' trials done'),
        data.baseline ? make('li', {}, 'Baseline ', make('b', {}, data.baseline)) : '', data.source ? make('li', {}, 'File ', make('b', {}, data.source)) : '',
        make('li', {}, 'Written ', make('b', {}, data.written))));
    for (const note of rowsOf(tables.notes).filter((one) => one.whole && one.kind === 'note'))
      document.getElementById('top').append(make('p', {}, note.text));
  }

  function design() {
    const axes = new Map();
    for (const cell of cells)
      for (const [axis, point] of Object.entries(JSON.parse(cell.axes ?? '{}'))) axes.set(axis, new Set([...(axes.get(axis) ?? []), String(point)]));
    const axisTable = axes.size ? table([{ title: 'axis' }, { title: 'points', number: true }, { title: 'values', long: true }],
      [...axes].map(([axis, points]) => ({ cells: [axis, points.size, [...points].join(', ')] })), 'Axes') : '';
    const done = new Map();
    for (const trial of trials) if (trial.state === 'done') done.set(trial.cell, (done.get(trial.cell) ?? 0) + 1);
    const cellTable = table([{ title: 'cell' }, { title: 'trials done', number: true }, { title: 'trials', number: true }],
      cells.map((one) => ({ cells: [{ text: one.cell + (one.baseline ? ' *' : ''), mark: colour.get(one.cell) }, done.get(one.cell) ?? 0,
        trials.filter((trial) => trial.cell === one.cell).length] })), 'Cells; * baseline');
    const varying = rowsOf(tables.varying);
    const keys = [...new Set(varying.map((one) => one.key))];
    const value = new Map(varying.map((one) => [`${one.key}\n${one.cell}`, one]));
    const at = (key, cell) => { const one = value.get(`${key}\n${cell}`); return one ? { text: one.value ?? '', class: '' } : { text: '—', class: 'faint' }; };
    const optionTable = cells.length <= 6
      ? table([{ title: 'option' }, ...cells.map((one) => ({ title: one.cell }))], keys.map((key) => ({ cells: [key, ...cells.map((one) => at(key, one.cell))] })), 'Options that differ')
      : table([{ title: 'cell' }, ...keys.map((title) => ({ title }))], cells.map((one) => ({ cells: [one.cell, ...keys.map((key) => at(key, one.cell))] })), 'Options that differ');
    section('design', 'Design',
      make('p', {}, `${cells.length} ${cells.length === 1 ? 'cell' : 'cells'}, seeds ${seeds.join(', ')}: ${trials.length} trials.`),
      axisTable, cells.length > 12 ? folded(`${cells.length} cells`, false, () => [cellTable]) : cellTable, sql(tables.cells.sql),
      keys.length ? optionTable : '', keys.length ? sql(tables.varying.sql) : '',
      folded(`${tables.fixed.rows.length} options that all cells share`, false, () => [answered(tables.fixed, 'Options that all cells share', ['value']), sql(tables.fixed.sql)]));
  }

  // ---- Results ----
  const valueOf = (row, metric) => row.values[metric.name];
  function bestOf(part, metric) {
    const means = part.rows.map((row) => number(valueOf(row, metric)?.mean)).filter(Number.isFinite);
    if (metric.goal === 'none' || metric.timing || means.length < 2 || part.unequal_sets) return null;
    return metric.goal === 'max' ? Math.max(...means) : Math.min(...means);
  }
  // Whether the interval of a difference lies on one side of zero, and on which.
  function verdict(paired, goal) {
    if (!paired?.interval95 || goal === 'none') return '';
    const [low, high] = paired.interval95.map(number);
    if ((low <= 0 && high >= 0) || low === high) return ''; // equal differences, as of counts, have no spread to judge by
    return (low > 0) === (goal === 'max') ? 'better' : 'worse';
  }
  function deltaOf(value, metric, row) {
    if (value.difference === undefined || metric.timing || (metric.goal === 'none' && value.difference === 0)) return '';
    const places = decimals(number(value.paired?.sd ?? value.sd), number(value.difference));
    const interval = places !== null && value.paired?.interval95?.map((end) => signed(number(end), places)).join(' … ');
    return make('span', { class: `delta ${row.unequal_sets ? '' : verdict(value.paired, metric.goal)}` }, `Δ ${signed(number(value.difference), places)}${interval ? ` [${interval}]` : ''}`);
  }
  function partTable(part) {
    const columns = [{ title: '' }, { title: 'n', number: true, hint: 'Distinct stages' }, ...part.metrics.map((metric) => ({ title: heading(metric), number: true, hint: metric.definition }))];
    const best = part.metrics.map((metric) => bestOf(part, metric));
    // What is left of a cell with censored trials looks better than it is: never the best.
    const line = (row, calibration) => ({ class: calibration ? 'calibration' : '', cells: [
      { text: (calibration ? `real data: ${row.cells[0]}${row.pooled ? ', all tokenizers' : ''}` : joined(row.cells)) + (row.baseline && part.rows.length > 1 ? ' *' : ''), ...(calibration ? {} : { mark: colourOf(row.cells) }) },
      row.stages, ...part.metrics.map((metric, i) => {
        const value = valueOf(row, metric);
        if (!value) return '';
        const missing = value.n < row.stages || value.n_nan > 0 ? ` (n ${value.n}${value.n_nan ? `, ${value.n_nan} NaN` : ''})` : '';
        return { text: (value.n === 0 ? 'NaN' : estimate(value)) + missing, sort: number(value.mean), class: !calibration && !row.censored && number(value.mean) === best[i] ? 'best' : '', below: deltaOf(value, metric, row) };
      })] });
    return table(columns, [...part.rows.map((row) => line(row, false)), ...part.calibration.map((row) => line(row, true))], part.name, false);
  }
  const some = (list) => list.slice(0, 12).join('; ') + (list.length > 12 ? `; and ${list.length - 12} more` : '');
  // What the intervals of a comparison hang on.
  function conditions() {
    const said = (comparison.pinned ?? []).map((one) => (one.one ? `${one.everywhere ? 'All cells' : joined(one.cells)} share one ${one.stage}: the intervals hold for this ${one.stage}, and say nothing of another.`
      : `${one.everywhere ? 'All cells' : joined(one.cells)} have one ${one.stage} each for all seeds: the intervals hold for these, and say nothing of others.`));
    said.push(...(comparison.notes ?? []));
    // Which cells share trained stages with what they are measured from.
    const shared = new Map();
    for (const row of comparison.parts.flatMap((part) => part.rows).filter((one) => one.from)) {
      const trained = ['tokenizer', 'prior'].filter((slot) => row.same_stages?.includes(slot)).join(' and ');
      if (trained) shared.set(`${trained} as ${row.from}`, [...new Set([...(shared.get(`${trained} as ${row.from}`) ?? []), ...row.cells])]);
    }
    for (const [what, all] of shared) said.push(`Same ${what} at every seed: ${some(all)}.`);
    if (comparison.cells_without_baseline?.length) said.push(`No difference is counted for ${some(comparison.cells_without_baseline)}: the baseline ${data.baseline} has no cell at the same points of the axes.`);
    if (comparison.removed_trials?.length) said.push(`Removed by hand (rm) though finished: ${some(comparison.removed_trials)}.`);
    if (comparison.retired_trials?.length) said.push(`Finished, but of seeds that the last run does not ask for: ${some(comparison.retired_trials)}.`);
    if (comparison.excluded?.length) said.push(`${comparison.excluded.length === 1 ? '1 trial is' : `${comparison.excluded.length} trials are`} not finished and missing from the numbers: see limits and notes.`);
    const uncontrolled = comparison.controls?.uncontrolled ?? 0;
    return [...said.map((text) => make('p', {}, text)), uncontrolled === 0 ? '' : make('p', { class: 'worse' }, uncontrolled === 1 ? 'One difference between cells was not asked for'
      : `${uncontrolled} differences between cells were not asked for`, ' and may be what the numbers show: see ', make('a', { href: '#provenance' }, 'plugins and environments'), '.')];
  }
  const definitions = (part) => folded('What the columns mean', false, () => [table([{ title: 'metric' }, { title: 'definition', long: true }, { title: 'revision', number: true }],
    part.metrics.map((metric) => ({ cells: [heading(metric), metric.definition, metric.revision] })))]);
  function results() {
    const known = ['experiment', 'question', 'baseline', 'source', 'trials', 'trials_done', 'parts', 'cost', 'sample_differences', 'pinned', 'excluded', 'retired_cells', 'retired_trials', 'removed_trials', 'cells_without_baseline', 'controls', 'frontiers', 'more_seeds', 'notes'];
    const more = Object.entries(comparison).filter(([key, value]) => !known.includes(key) && value && !(Array.isArray(value) && !value.length));
    section('results', 'Results',
      comparison.parts.length ? make('p', {}, 'Mean ± standard deviation over n distinct stages; ↑ more is better, ↓ less; bold: the best mean.'
        + (data.baseline ? ` Δ: the difference from ${data.baseline}, paired by seed, with its 95 % interval; green: better, orange: worse, where the interval excludes zero.` : '')
        + ' The rows of real data calibrate: a metric that cannot tell shuffled data from real data cannot tell arms.')
        : make('p', {}, 'Nothing is evaluated yet.'),
      ...conditions(),
      ...comparison.parts.flatMap((part) => [make('h3', {}, part.name), partTable(part), definitions(part)]),
      comparison.parts.length ? sql(data.sql.comparison) : '',
      comparison.cost?.rows?.length ? [make('h3', {}, 'Computing'), partTable({ ...comparison.cost, name: 'Processor seconds of a stage' }), sql(data.sql.cost)] : '',
      ...more.flatMap(([key, value]) => [make('h3', {}, key.replaceAll('_', ' ')), plain(value)]));
  }

  // Differences of per-sample metrics, paired by sample: how far they reach is how their interval is made.
  function sampleTable() {
    const list = (comparison.sample_differences ?? []).filter((one) => one.these_models);
    if (!list.length) return null;
    const kinds = ['these_models', 'other_trainings', 'both'];
    const interval = (one) => one?.interval95?.map((end) => signed(number(end), decimals(number(one.interval95[1]) - number(one.interval95[0]), 0))).join(' … ') ?? '';
    return [make('p', {}, 'Per-sample metrics, paired by sample too. These models: over other samples, for the models as they are trained; other trainings: over other seeds, '
      + 'on these samples; both: over other seeds and other samples.'),
    table([{ title: 'metric' }, { title: 'arm' }, { title: 'samples', number: true }, { title: 'left out', number: true }, { title: 'models', number: true }, { title: 'Δ', number: true },
      ...kinds.map((kind) => ({ title: `95 %, ${kind.replaceAll('_', ' ')}` }))],
    list.map((one) => ({ cells: [`${one.part} ${one.metric}`, joined(one.cells), one.samples, one.samples_left_out ?? 0, one.other_trainings?.n, number(one.these_models.mean),
      ...kinds.map((kind) => interval(one[kind]))] })), `Differences from ${data.baseline}, sample by sample`, false), sql(data.sql.samples, list[0].metric, list[0].cells[0], list[0].from)];
  }

  // How many seeds more an answer lacks, and the command that adds them.
  function moreSeeds() {
    const more = comparison.more_seeds;
    if (!more) return null;
    const arms = more.comparisons > 1 ? `, corrected for ${more.comparisons} arms` : '';
    const which = (more.alike ?? true) ? '' : ` (of ${joined(more.cells)} in ${more.part} ${more.metric})`;
    const pairs = (more.pairs === 1 ? '1 pair' : `${more.pairs} pairs`) + which;
    return [make('p', {}, more.reach ? `${pairs} cannot reach p = 0.05${arms}: the least is ${short(more.least_p)}. More seeds can:`
      : `Next to be seen, with ${more.seeds} seeds: the difference of ${joined(more.cells)} in ${more.part} ${more.metric}, if it is what it seems:`),
    make('pre', {}, `tessera retry ${shellWord(data.experiment)} --seeds ${more.seeds}`)];
  }

  function effects() {
    const parts = [];
    for (const part of comparison.parts) {
      const measured = part.metrics.filter((metric) => metric.goal !== 'none' && !metric.timing);
      const list = measured.map((metric) => ({ metric, effects: part.rows.filter((row) => valueOf(row, metric)?.paired?.n > 0).map((row) => {
        const value = valueOf(row, metric);
        const [low, high] = value.paired.interval95?.map(number) ?? [];
        return { cells: row.cells, from: row.from ?? data.baseline, mean: number(value.paired.mean), low, high, verdict: row.unequal_sets ? '' : verdict(value.paired, metric.goal), value };
      }).filter((one) => Number.isFinite(one.mean)) }))
        // Not a count that the strategy fixes.
        .filter((one) => one.effects.some((effect) => effect.mean !== 0 && !(one.metric.cost && effect.low === effect.high)));
      if (!list.length) continue;
      const known = ['n', 'n_nan', 'mean', 'sd', 'interval95', 'p', 'p_holm', 'comparisons', 'least_p', 'detectable', 'pairs_missing', 'pairs_coming'];
      const extra = [...new Set(list.flatMap((one) => one.effects.flatMap((effect) => Object.keys(effect.value.paired))))].filter((key) => !known.includes(key));
      const numbers = () => [table([{ title: 'metric' }, { title: 'arm' }, { title: 'pairs', number: true }, { title: 'Δ', number: true }, { title: '95 % interval' },
        { title: 'p', number: true, hint: 'Sign flips, exact up to 24 pairs' }, { title: 'p Holm', number: true, hint: 'For all arms on one metric' },
        { title: 'least p', number: true, hint: 'The smallest p that so many pairs can give' },
        { title: '80 % sees', number: true, hint: 'The smallest difference that so many pairs show four times in five, by a t-test at 0.05 without Holm' },
        { title: 'more seeds', number: true, hint: 'That many more than are asked for would show a difference of the size found four times in five, by a t-test at 0.05, and let sign flips with Holm reach 0.05' }, ...extra.map((title) => ({ title: title.replaceAll('_', ' ') }))],
      list.flatMap(({ metric, effects: all }) => all.map(({ cells: arm, mean, low, high, verdict: says, value: { paired } }) => {
        const places = decimals(number(paired.sd), mean);
        return { cells: [heading(metric), joined(arm), paired.n, { text: signed(mean, places), sort: mean, class: says },
          low === undefined ? '' : `${signed(low, places)} … ${signed(high, places)}`, ...(low === undefined ? ['', '', ''] : [pValue(paired.p), pValue(paired.p_holm), pValue(paired.least_p)]),
          paired.detectable === undefined ? '' : number(paired.detectable),
          paired.pairs_missing === 'inf' ? { text: '>10000', sort: 1e9 } : paired.pairs_missing === undefined ? '' : Math.max(0, paired.pairs_missing - (paired.pairs_coming ?? 0)), ...extra.map((key) => (typeof paired[key] === 'object' ? JSON.stringify(paired[key]) : paired[key] ?? ''))] };
      })), `Differences from ${data.baseline}: ${part.name}`)];
      const open = parts.length === 0 || list.length * list[0].effects.length <= 60;
      parts.push(make('h3', {}, part.name), folded(list.length === 1 ? '1 metric' : `${list.length} metrics`, open, () => [make('div', { class: 'charts' }, ...list.map(({ metric, effects: all }) =>
        figure(heading(metric), '', charts.canvas(`Differences in ${metric.name} from ${data.baseline}`, charts.forest(all, metric.unit), 74 + Math.min(12000, all.length * Math.max(16, 34 - all.length)))))),
      folded('Numbers', false, numbers), sql(data.sql.effects, list[0].metric.name, list[0].effects[0].cells[0], list[0].effects[0].from)]));
    }
    const samples = sampleTable();
    if (samples) parts.push(make('h3', {}, 'Sample by sample'), ...samples);
    section('effects', 'Effects', parts.length ? make('p', {}, `Differences from ${data.baseline}, paired by seed, with 95 % t-intervals. Green: better, orange: worse, grey: the interval holds zero.`) : '', parts.length ? moreSeeds() : '', parts);
  }

  function curves() {
    const drawable = data.curves.filter((curve) => curve.series.some((series) => series.x.length > 1));
    const main = (curve) => !curve.timing && (curve.goal !== 'none' || /(^|_|\.)(loss|nll)$/.test(curve.metric));
    const draw = (curve) => {
      const series = curve.series.map((one) => ({ ...one, colour: colourOf(one.cells) }));
      const thinned = series.find((one) => one.drawn < one.steps);
      const shared = series.map((one) => one.cells).filter((group) => group.length > 1 && group.length < cells.length);
      const ends = series.some((one) => one.n?.some((n) => n < one.stages));
      const about = [curve.definition, ends ? 'thin: over fewer seeds, where others were pruned, are not finished or have no number' : '', thinned ? `${thinned.drawn} of ${thinned.steps} steps are drawn` : '', ...shared.slice(0, 3).map((group) => `one line: ${joined(group)}`)]
        .filter(Boolean).map((text) => text[0].toUpperCase() + text.slice(1).replace(/[.]?$/, '.')).join(' ');
      return figure(`${curve.slot}: ${heading({ ...curve, name: curve.metric })}`, about, charts.canvas(`${curve.metric} of ${curve.slot} by step`, charts.curve(series)));
    };
    const grid = (list) => make('div', { class: 'charts' }, ...list.map(draw));
    const others = drawable.filter((curve) => !main(curve));
    const first = drawable[0];
    section('curves', 'Curves', drawable.length ? [
      make('p', {}, 'Mean over distinct stages; the band goes from the least to the greatest of the seeds. A button of the legend takes a cell out.'), legend(),
      drawable.some(main) ? grid(drawable.filter(main)) : '', others.length ? folded(`${others.length} more`, !drawable.some(main), () => [grid(others)]) : '',
      sql(data.sql.curves, first.slot, first.metric)] : []);
  }

  // ---- Cost against quality ----
  const kCosts = ['token_forwards', 'evaluations'];
  function frontierPoints(part, { cost, quality, members }) {
    const metric = { name: quality };
    return part.rows.map((row, i) => ({ best: members.includes(i), cells: row.cells, colour: colourOf(row.cells), x: number(valueOf(row, { name: cost })?.mean), y: number(valueOf(row, metric)?.mean),
      low: valueOf(row, metric)?.interval95 && number(valueOf(row, metric).interval95[0]), high: valueOf(row, metric)?.interval95 && number(valueOf(row, metric).interval95[1]) }))
      .filter((one) => Number.isFinite(one.x) && Number.isFinite(one.y));
  }
  function frontiers() {
    const found = [];
    for (const part of comparison.parts) {
      // Both costs where both vary: what wins by one may lose by the other.
      for (const cost of kCosts.filter((name) => new Set(part.rows.map((row) => valueOf(row, { name })?.mean)).size > 1)) {
        const drawn = data.frontiers.filter((one) => one.part === part.name && one.cost === cost)
          .map((one) => ({ metric: part.metrics.find((metric) => metric.name === one.quality), points: frontierPoints(part, one) })).filter((one) => one.points.length > 1);
        if (drawn.length) found.push(make('h3', {}, `${part.name} by ${cost.replaceAll('_', ' ')}`), make('div', { class: 'charts' }, ...drawn.map(({ metric, points }) =>
          figure(heading(metric), `Best for their cost: ${points.filter((one) => one.best).map((one) => joined(one.cells)).slice(0, 8).join('; ')}${points.filter((one) => one.best).length > 8 ? '; …' : ''}`,
            charts.canvas(`${metric.name} against ${cost}`, charts.frontier(points, cost.replaceAll('_', ' '), heading(metric)))))), sql(data.sql.frontier, cost, drawn[0].metric.name));
      }
    }
    section('frontier', 'Cost and quality', found.length ? [make('p', {}, 'Cost is counted, not timed: network evaluations, and tokens that went through the network, for one image. '
      + 'Whiskers: 95 % interval of the mean. The dashed line joins the cells that none beats in both.'), legend()] : '', found);
  }

  // ---- Parallel coordinates ----
  function dimensionOf(name, values) { // one a line; undefined where a line has none
    const present = values.filter((one) => one !== undefined && one !== null);
    const numeric = present.every((one) => typeof one === 'number' && Number.isFinite(one));
    if (numeric) {
      const [low, high] = [Math.min(...present), Math.max(...present)];
      const span = high - low || 1;
      return { name, at: values.map((one) => (one === undefined || one === null ? null : high === low ? 0.5 : (one - low) / span)), text: values.map((one) => (one === undefined ? '—' : short(one))),
        marks: high === low ? [{ at: 0.5, text: short(low) }] : [{ at: 0, text: short(low) }, { at: 1, text: short(high) }] };
    }
    const kinds = [...new Set(present.map(String))];
    const place = (one) => (kinds.length === 1 ? 0.5 : kinds.indexOf(String(one)) / (kinds.length - 1));
    return { name, at: values.map((one) => (one === undefined || one === null ? null : place(one))), text: values.map((one) => String(one ?? '—')),
      marks: kinds.length > 12 ? [] : kinds.map((one) => ({ at: place(one), text: one })) };
  }
  function parallels() {
    const varying = rowsOf(tables.varying);
    const byKey = new Map();
    for (const one of varying) byKey.set(one.key, (byKey.get(one.key) ?? new Map()).set(one.cell, one.value));
    const keys = [...byKey].filter(([, values]) => new Set(values.values()).size > 1).map(([key]) => key);
    const found = [];
    for (const part of comparison.parts) {
      const metrics = part.metrics.filter((metric) => metric.goal !== 'none' && !metric.timing);
      const rows = part.rows;
      if (rows.length < 2 || !metrics.length || !keys.length) continue;
      const dimensions = [...keys.map((key) => dimensionOf(key, rows.map((row) => byKey.get(key).get(row.cells[0])))),
        ...metrics.map((metric) => dimensionOf(heading(metric), rows.map((row) => { const mean = number(valueOf(row, metric)?.mean); return Number.isFinite(mean) ? mean : undefined; })))]
        .filter((one) => new Set(one.at.filter((at) => at !== null)).size > 1);
      if (dimensions.length < 2) continue;
      const lines = rows.map((row, i) => ({ cells: row.cells, colour: colourOf(row.cells), at: dimensions.map((one) => one.at[i]), text: dimensions.map((one) => one.text[i]) }));
      found.push(make('div', { class: 'charts wide' }, figure(part.name, '', charts.canvas(`Options and metrics of ${part.name}`, charts.parallel(dimensions, lines), 330, dimensions.length * 84))),
        sql(data.sql.parallel, keys[0], metrics[0].name));
    }
    section('parallel', 'Options and metrics', found.length ? [make('p', {}, 'One line a cell: the options that differ on the left, mean metrics on the right, each axis from its least to its greatest value.'), legend()] : '', found);
  }

  function pictures() {
    section('pictures', 'Pictures', data.pictures.flatMap((picture) => [
      make('p', {}, `Seed ${picture.seed}. Rows: ${picture.rows.join('; ')}.`),
      make('div', { class: 'pictures', tabindex: '0', role: 'region', 'aria-label': 'Picture grid' },
        make('img', { src: picture.src, width: picture.width, height: picture.height, alt: `Originals, reconstructions and samples at seed ${picture.seed}: ${picture.rows.join('; ')}` })),
      make('p', { class: 'faint' }, `tessera grid ${shellWord(data.experiment)} --seed ${picture.seed}`)]), data.pictures.length ? sql(data.sql.pictures) : '');
  }

  // ---- Where the numbers come from ----
  function environments() {
    const rows = rowsOf(tables.environments).map((row) => ({ ...row, environment: { ...JSON.parse(row.environment ?? '{}') } }));
    const keys = [...new Set(rows.flatMap((row) => Object.keys(row.environment)))].filter((key) => key !== 'pid');
    const text = (value) => (value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value));
    return table([{ title: 'stages of' }, { title: 'stages', number: true }, ...keys.map((title) => ({ title })), { title: 'wall s', number: true }, { title: 'cpu s', number: true }],
      rows.map((row) => ({ cells: [String(row.stages_of ?? '').replaceAll(',', ', '), row.stages, ...keys.map((key) => text(row.environment[key])), row.seconds, row.cpu_seconds] })), 'Environments of published stages');
  }
  // Facts of two cells' stages that are not the same. One that follows from an option in which the cells differ is what was asked about.
  function controls() {
    const { differences = [], budgets = [] } = comparison.controls ?? {};
    const list = (values) => (values ?? []).join(', ');
    return [differences.length ? table([{ title: 'cell' }, { title: 'against' }, { title: 'what' }, { title: 'is' }, { title: 'not' }, { title: 'in', long: true }, { title: 'seeds' },
      { title: 'follows from', long: true }], differences.map((one) => ({ cells: [joined(one.cells), one.between_seeds ? 'the first seed' : one.from, one.fact + (one.resumed ? ' (resumed)' : ''), one.value, one.from_value,
      list(one.stages), list(one.seeds), one.uncontrolled ? { text: 'nothing asked for: uncontrolled', class: 'worse' } : one.between_seeds ? 'between seeds, not within pairs' : list([].concat(one.follows))] })), 'What else differed') : '',
    budgets.length ? table([{ title: 'cell' }, { title: 'trained stage' }, { title: 'steps', number: true }, { title: 'weights, MB', number: true }],
      budgets.map((one) => ({ cells: [one.cell, one.stage, one.steps, one.weights_bytes ? one.weights_bytes / 1e6 : ''] })), 'What training was given') : ''];
  }
  function provenance() {
    section('provenance', 'Plugins and environments', ...controls(),
      tables.plugins.rows.length ? [answered(tables.plugins, 'Plugins of published stages'), sql(tables.plugins.sql)] : '',
      tables.environments.rows.length ? [environments(), sql(tables.environments.sql)] : '');
  }
  function open() {
    const excluded = (comparison.excluded ?? []).map((one) => ({ cells: [one.cell, one.seed, one.stage, one.state, one.error ?? '', (one.parts ?? []).join(', '), one.censored ? 'yes' : ''] }));
    const limits = [
      excluded.length ? [make('h3', {}, 'Trials left out'), table([{ title: 'cell' }, { title: 'seed', number: true }, { title: 'stage' }, { title: 'state' }, { title: 'error', long: true },
        { title: 'not evaluated', long: true }, { title: 'censored', hint: 'Stopped because it did badly' }], excluded, 'Trials left out', false)] : [],
      comparison.retired_cells?.length ? [make('p', {}, `Cells of older versions of the file, left out: ${comparison.retired_cells.join(', ')}.`)] : [],
      tables.unfinished.rows.length ? [folded(tables.unfinished.rows.length === 1 ? '1 stage without a result' : `${tables.unfinished.rows.length} stages without a result`, false,
        () => [answered(tables.unfinished, 'Stages without a result', ['error'])]), sql(tables.unfinished.sql)] : [],
      tables.nan.rows.length ? [make('h3', {}, 'Values that are not numbers'), answered(tables.nan, 'Series with NaN: these values are in no mean'), sql(tables.nan.sql)] : [],
      tables.notes.rows.length ? [make('h3', {}, 'Notes and tags'), table(['on', 'kind', 'text', 'time'].map((title) => ({ title, long: title === 'text' })), tables.notes.rows.map((row) => ({ cells: row.slice(0, 4) })), 'Notes and tags', false), sql(tables.notes.sql)] : [],
      data.notes.length ? [make('h3', {}, 'What this report lacks'), plain(data.notes)] : []].flat();
    section('limits', 'Limits and notes', limits);
  }

  header();
  for (const part of [results, effects, frontiers, curves, parallels, pictures, design, provenance, open]) part();
  document.getElementById('contents').append(contents);
  document.body.append(make('footer', {}, 'Written by tessera report. One file; it loads nothing from anywhere. The SQL below each table and chart can be pasted into a shell.'));
  document.documentElement.dataset.ready = 'yes';
})();
