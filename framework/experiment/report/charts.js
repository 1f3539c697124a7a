// The charts, drawn by Chart.js: curves with bands, forest plots, frontiers, parallel coordinates. A chart is drawn when it comes near
// the window, and anew when the colour scheme changes or a cell is switched off.
'use strict';

const charts = (() => {
  const figures = [];
  const hidden = new Set(); // cells that the legend has switched off
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const kColours = 8; // then they repeat: dashed and ring-shaped, then dotted and square
  const style = (i) => Math.floor(Math.max(i, 0) / kColours) % 3;
  const dash = (i) => [[], [7, 4], [2, 3]][style(i)];
  const shape = (i) => ['circle', 'circle', 'rect'][style(i)];

  const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const theme = () => ({
    ink: variable('--ink'), faint: variable('--faint'), rule: variable('--rule'), paper: variable('--paper'), raised: variable('--raised'),
    good: variable('--good'), bad: variable('--bad'), colour: (i) => (i < 0 ? variable('--faint') : variable(`--c${i % kColours}`)),
  });
  // Of a colour written #rrggbb.
  const faded = (colour, opacity) => colour + Math.round(opacity * 255).toString(16).padStart(2, '0');

  function draw(figure) {
    if (figure.chart) figure.chart.destroy();
    const config = figure.make(theme(), figure.canvas.clientWidth);
    figure.chart = new Chart(figure.canvas, config);
    figure.canvas.dataset.chart = 'drawn';
  }
  const redraw = () => figures.filter((figure) => figure.chart).forEach(draw);
  dark.addEventListener('change', redraw);

  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const figure = figures.find((one) => one.canvas.parentElement === entry.target);
      if (!entry.isIntersecting || !figure || figure.chart) continue;
      observer.unobserve(entry.target);
      draw(figure);
    }
  }, { rootMargin: '500px' });
  addEventListener('beforeprint', () => figures.filter((figure) => !figure.chart).forEach(draw));

  // A canvas that draws itself: make(theme, width) -> Chart.js configuration. height in CSS pixels; width: the least, for a scrolling chart.
  function canvas(label, make, height, width) {
    const box = document.createElement('div');
    box.className = 'canvas';
    if (height) box.style.height = `${height}px`;
    if (width) box.style.minWidth = `${width}px`;
    const element = document.createElement('canvas');
    element.setAttribute('role', 'img');
    element.setAttribute('aria-label', label);
    element.dataset.chart = 'waiting';
    box.append(element);
    figures.push({ canvas: element, make, chart: null });
    observer.observe(box);
    return box;
  }

  function toggle(cell) {
    if (hidden.has(cell)) hidden.delete(cell);
    else hidden.add(cell);
    redraw();
  }
  const shown = (cells) => cells.some((cell) => !hidden.has(cell));

  const short = (value) => {
    if (typeof value !== 'number' || !Number.isFinite(value)) return String(value);
    const size = Math.abs(value);
    if (size !== 0 && (size >= 1e6 || size < 1e-3)) return value.toExponential(2);
    return String(Number(value.toPrecision(4)));
  };
  const named = (cells) => (cells.length <= 4 ? cells.join(' = ') : `${cells.slice(0, 3).join(' = ')} = … (${cells.length} cells)`);
  const clipped = (text, length) => (text.length <= length ? text : `${text.slice(0, length - 1)}…`);

  // What tells labels of cells apart, for a chart: "codes=64, depth=4" of "tokenizer.quantizer.codes=64, tokenizer.encoder.depth=4, layers=2". Sections
  // of keys and points that all labels have are left out where that leaves the labels different.
  function brief(labels) {
    const points = labels.map((label) => label.split(', '));
    const keys = new Map(); // last word of a key -> keys
    for (const key of points.flat().map((point) => point.split('=')[0])) {
      const word = key.slice(key.lastIndexOf('.') + 1);
      keys.set(word, (keys.get(word) ?? new Set()).add(key));
    }
    const bare = (point) => {
      const key = point.split('=')[0];
      const word = key.slice(key.lastIndexOf('.') + 1);
      return point.includes('=') && keys.get(word).size === 1 ? word + point.slice(key.length) : point;
    };
    const common = (point) => labels.length > 1 && points.every((list) => list.includes(point));
    const made = points.map((list, i) => list.filter((point) => !common(point)).map(bare).join(', ') || labels[i]);
    return new Set(made).size === new Set(labels).size ? made : labels;
  }

  // Labels often differ at their end; those that come out alike are shown from just before where they differ.
  const middled = (text, length) => (text.length <= length ? text : `${text.slice(0, Math.ceil(length / 2) - 1)}…${text.slice(-Math.floor(length / 2))}`);
  function abbreviated(labels, length) {
    let made = labels.map((label) => middled(label, length));
    for (const kept of [0, Math.ceil(length / 2)]) { // letters of the first cut that stay before the second one
      const before = made;
      made = labels.map((label, i) => {
        const alike = labels.filter((other, k) => before[k] === before[i]);
        if (alike.every((other) => other === label)) return before[i];
        let same = 0;
        while (alike.every((other) => other[same] === label[same])) ++same;
        return clipped(`${before[i].slice(0, kept)}…${label.slice(Math.max(0, same - 3))}`, length);
      });
    }
    return made;
  }

  function base(colours, x, y, label) {
    const axis = ({ title, ...more }) => ({
      title: { display: Boolean(title), text: title ?? '', color: colours.faint }, grid: { color: colours.rule, borderColor: colours.rule },
      ticks: { color: colours.faint, maxRotation: 0, autoSkipPadding: 12 }, ...more,
    });
    return {
      animation: false, responsive: true, maintainAspectRatio: false, normalized: true,
      interaction: { mode: 'nearest', intersect: false },
      scales: { x: axis(x), y: axis(y) },
      plugins: {
        legend: { display: false },
        tooltip: {
          backgroundColor: colours.raised, titleColor: colours.ink, bodyColor: colours.ink, borderColor: colours.rule, borderWidth: 1,
          displayColors: false, callbacks: { title: () => '', label },
        },
      },
    };
  }

  // Mean over distinct stages, and their range as a band. series: [{cells, colour, x, mean, min?, max?, n?, stages}]. Where `n` changes the
  // mean is of others from there on: the line breaks, and is thin where it is of fewer.
  const curve = (series) => (colours) => {
    const visible = series.filter((one) => shown(one.cells));
    const bands = visible.length <= 10;
    const first = Math.min(...visible.map((one) => one.x[0]));
    const last = Math.max(...visible.map((one) => one.x[one.x.length - 1]));
    const datasets = [];
    for (const one of visible) {
      const colour = colours.colour(one.colour);
      const over = one.x.map((_, i) => one.n?.[i] ?? one.stages);
      const numbered = one.x.map((_, i) => i).filter((i) => over[i] > 0);
      // A point without a number between two runs breaks the line. `at` is where a point of the chart comes from.
      const at = numbered.flatMap((i, k) => (k > 0 && over[numbered[k - 1]] !== over[i] ? [null, i] : [i]));
      const points = (values) => at.map((i, k) => (i === null ? { x: one.x[at[k - 1]], y: null } : { x: one.x[i], y: values[i] }));
      datasets.push({ type: 'line', data: points(one.mean), borderColor: visible.length > 40 ? faded(colour, 0.5) : colour, borderDash: dash(one.colour), borderWidth: bands ? 2 : 1,
        pointRadius: at.map((_, k) => (one.x.length <= 30 || ((at[k - 1] ?? null) === null && (at[k + 1] ?? null) === null) ? 2 : 0)), // a point alone has no line
        segment: { borderWidth: (item) => (over[at[item.p0DataIndex]] < one.stages ? 0.8 : undefined) },
        pointBackgroundColor: colour, pointHitRadius: 6, order: 1, source: one, at, over });
      if (!bands || !one.min) continue;
      const band = { type: 'line', borderWidth: 0, pointRadius: 0, pointHitRadius: 0, order: 2, backgroundColor: faded(colour, 0.2) };
      datasets.push({ ...band, data: points(one.min), fill: false });
      datasets.push({ ...band, data: points(one.max), fill: '-1' });
    }
    const options = base(colours, { type: 'linear', title: 'step', bounds: 'data', min: first < last / 10 ? 0 : first }, { type: 'linear', ticks: { color: colours.faint, callback: short } }, (item) => {
      const one = item.dataset.source;
      if (!one) return '';
      const i = item.dataset.at[item.dataIndex];
      const n = item.dataset.over[i];
      const range = one.min ? `, ${short(one.min[i])} … ${short(one.max[i])} over ${n}${n < one.stages ? ` of ${one.stages}` : ''}` : '';
      return [named(one.cells), `step ${item.parsed.x}: ${short(item.parsed.y)}${range}`];
    });
    options.plugins.tooltip.filter = (item) => Boolean(item.dataset.source);
    return { data: { datasets }, options };
  };

  // Lines from low to high through a dataset's points: its `whiskers` [{at, low, high, colour}], along x or y.
  const whiskers = {
    id: 'whiskers',
    beforeDatasetsDraw(chart) {
      const { ctx, chartArea: area } = chart;
      const along = chart.options.whiskersAlong;
      if (!along) return;
      const value = chart.scales[along];
      const place = chart.scales[along === 'x' ? 'y' : 'x'];
      ctx.save();
      ctx.beginPath();
      ctx.rect(area.left, area.top, area.width, area.height);
      ctx.clip();
      ctx.lineWidth = 2;
      for (const one of chart.options.whiskers) {
        const at = place.getPixelForValue(one.at);
        ctx.strokeStyle = one.colour;
        ctx.beginPath();
        for (const [from, to, side] of [[one.low, one.high, 0], [one.low, one.low, 4], [one.high, one.high, 4]]) {
          const a = value.getPixelForValue(from);
          const b = value.getPixelForValue(to);
          if (along === 'x') ctx.moveTo(a, at - side), ctx.lineTo(b, at + side);
          else ctx.moveTo(at - side, a), ctx.lineTo(at + side, b);
        }
        ctx.stroke();
      }
      ctx.restore();
    },
  };

  // Differences from the baseline with their 95 % intervals. effects: [{cells, mean, low?, high?, verdict: 'better' | 'worse' | ''}].
  const forest = (effects, unit) => (colours, width) => {
    const labels = abbreviated(brief(effects.map((one) => named(one.cells))), width < 420 ? 20 : 32);
    const colour = (one) => (one.verdict === 'better' ? colours.good : one.verdict === 'worse' ? colours.bad : colours.faint);
    const ends = effects.flatMap((one) => [one.mean, one.low ?? one.mean, one.high ?? one.mean, 0]);
    const [least, most] = [Math.min(...ends), Math.max(...ends)];
    const room = (most - least || 1) * 0.06;
    const options = base(colours,
      { type: 'linear', min: least - room, max: most + room, title: unit ? `difference, ${unit}` : 'difference',
        grid: { color: (line) => (line.tick.value === 0 ? colours.ink : colours.rule), borderColor: colours.rule },
        ticks: { color: colours.faint, callback: short, maxRotation: 0, autoSkipPadding: 14, includeBounds: false } },
      { type: 'linear', reverse: true, min: -0.6, max: effects.length - 0.4, grid: { display: false, borderColor: colours.rule },
        afterBuildTicks: (axis) => { axis.ticks = effects.map((_, value) => ({ value })); },
        ticks: { color: colours.ink, autoSkip: false, callback: (i) => labels[i] ?? '' } },
      (item) => {
        const one = effects[item.dataIndex];
        const interval = one.low === undefined ? 'no interval: one pair' : `95 %: ${short(one.low)} … ${short(one.high)}`;
        return [named(one.cells), `difference ${short(one.mean)}`, interval];
      });
    options.whiskersAlong = 'x';
    options.whiskers = effects.map((one, at) => ({ at, low: one.low ?? one.mean, high: one.high ?? one.mean, colour: colour(one) }));
    const data = effects.map((one, y) => ({ x: one.mean, y }));
    return {
      type: 'scatter', plugins: [whiskers], options,
      data: { datasets: [{ data, pointRadius: 5, pointBackgroundColor: effects.map(colour), pointBorderColor: colours.paper }] },
    };
  };

  // Cost against quality; the line joins the cells that none beats in both. points: [{cells, colour, x, y, low?, high?, best}].
  const frontier = (points, xTitle, yTitle) => (colours) => {
    const visible = points.filter((one) => shown(one.cells));
    const front = visible.filter((one) => one.best).sort((a, b) => a.x - b.x);
    const xs = visible.map((one) => one.x).filter((x) => x > 0);
    const ends = visible.flatMap((one) => [one.y, one.low ?? one.y, one.high ?? one.y]);
    const wide = xs.length === visible.length && Math.max(...xs) > 20 * Math.min(...xs);
    const [least, most] = [Math.min(...visible.map((one) => one.x)), Math.max(...visible.map((one) => one.x))];
    const room = 0.08 * (most - least || Math.abs(most) || 1);
    // Room at both ends; no cost is below zero.
    const around = wide ? { min: least / 1.3, max: most * 1.3 } : { suggestedMin: least < 0 ? least - room : Math.max(0, least - room), suggestedMax: most + room };
    const options = base(colours,
      { type: wide ? 'logarithmic' : 'linear', title: xTitle, ticks: { color: colours.faint, callback: short, maxRotation: 0, autoSkipPadding: 20 }, ...around },
      { type: 'linear', suggestedMin: Math.min(...ends), suggestedMax: Math.max(...ends), ticks: { color: colours.faint, callback: short } },
      (item) => {
        const one = item.dataset.points?.[item.dataIndex];
        return one ? [named(one.cells), `${xTitle} ${short(one.x)}`, `${yTitle} ${short(one.y)}${one.best ? ', on the frontier' : ''}`] : '';
      });
    options.plugins.tooltip.filter = (item) => Boolean(item.dataset.points);
    options.whiskersAlong = 'y';
    options.whiskers = visible.filter((one) => one.low !== undefined).map((one) => ({ at: one.x, low: one.low, high: one.high,
      colour: faded(colours.colour(one.colour), 0.55) }));
    return {
      type: 'scatter', plugins: [whiskers], options,
      data: { datasets: [
        { data: visible.map(({ x, y }) => ({ x, y })), points: visible, pointRadius: visible.map((one) => (one.best ? 6 : 4)),
          pointBackgroundColor: visible.map((one) => (style(one.colour) === 1 ? colours.paper : colours.colour(one.colour))),
          pointBorderColor: visible.map((one) => (style(one.colour) === 1 ? colours.colour(one.colour) : colours.paper)),
          pointBorderWidth: visible.map((one) => (style(one.colour) === 1 ? 2.5 : 1)), pointStyle: visible.map((one) => shape(one.colour)), order: 1 },
        { type: 'line', data: front.map(({ x, y }) => ({ x, y })), borderColor: colours.faint, borderWidth: 1.5, borderDash: [5, 4], pointRadius: 0,
          pointHitRadius: 0, stepped: true, order: 2 },
      ] },
    };
  };

  // Vertical axes with their ends written at them. dimensions: [{name, low, high}] as text.
  const axes = {
    id: 'axes',
    afterDatasetsDraw(chart) {
      const { ctx, chartArea: area } = chart;
      const { dimensions, colours } = chart.options.parallel;
      ctx.save();
      ctx.font = '11px system-ui, sans-serif';
      ctx.textAlign = 'center';
      dimensions.forEach((one, i) => {
        const x = chart.scales.x.getPixelForValue(i);
        for (const mark of one.marks) {
          const text = clipped(mark.text, 16);
          const y = chart.scales.y.getPixelForValue(mark.at) + (mark.at < 0.03 ? 16 : -7);
          const half = ctx.measureText(text).width / 2 + 2;
          ctx.fillStyle = colours.paper;
          ctx.fillRect(x - half, y - 10, 2 * half, 13);
          ctx.fillStyle = colours.ink;
          ctx.fillText(text, x, y);
        }
      });
      ctx.restore();
    },
  };

  // One line a cell over all axes. dimensions: [{name, marks: [{at, text}]}]; lines: [{cells, colour, at: [0 … 1 or null], text: [string]}].
  const parallel = (dimensions, lines) => (colours, width) => {
    const visible = lines.filter((one) => shown(one.cells));
    const thin = visible.length > 40;
    const options = base(colours, {
      type: 'category', labels: dimensions.map((one) => one.name), offset: true,
      grid: { color: colours.faint, borderColor: colours.rule, offset: false },
      ticks: { color: colours.ink, autoSkip: false, maxRotation: 40, callback: (i) => clipped(dimensions[i].name, width / dimensions.length < 110 ? 14 : 26) },
    }, { type: 'linear', min: -0.1, max: 1.1, display: false }, (item) => {
      const one = item.dataset.source;
      return [named(one.cells), `${dimensions[item.dataIndex].name}: ${one.text[item.dataIndex]}`];
    });
    options.parallel = { dimensions, colours };
    return {
      type: 'line', plugins: [axes], options,
      data: { labels: dimensions.map((one) => one.name), datasets: visible.map((one) => ({ data: one.at, source: one, borderWidth: thin ? 1 : 2, borderDash: dash(one.colour),
        borderColor: thin ? faded(colours.colour(one.colour), 0.5) : colours.colour(one.colour), backgroundColor: colours.colour(one.colour),
        pointRadius: thin ? 1 : 3, pointHitRadius: 8, spanGaps: true })) },
    };
  };

  return { canvas, curve, forest, frontier, parallel, toggle, shown, short, hidden, style, abbreviated, brief };
})();
