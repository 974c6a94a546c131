"use strict";
(function () {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const options = {
    responsive: true,
    // zoom by dragging, back by double click; the floating buttons would cover legends
    displayModeBar: false,
  };

  document.querySelectorAll("figure[data-figure]").forEach((card) => {
    const name = card.dataset.figure;
    const figure = read("figure-" + name);
    Plotly.newPlot("plot-" + name, figure.data, figure.layout, options);
  });

  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  };

  const csv = (columns) => {
    const names = Object.keys(columns);
    const length = Math.max(0, ...names.map((name) => columns[name].length));
    const lines = [names.map(cell).join(",")];
    for (let row = 0; row < length; row += 1) {
      lines.push(names.map((name) => cell(columns[name][row])).join(","));
    }
    return lines.join("\n") + "\n";
  };

  document.querySelectorAll("button.csv").forEach((link) => {
    link.addEventListener("click", () => {
      const file = new Blob([csv(read("data-" + link.dataset.chart))], { type: "text/csv" });
      const save = document.createElement("a");
      save.href = URL.createObjectURL(file);
      save.download = link.dataset.chart + ".csv";
      save.click();
      URL.revokeObjectURL(save.href);
    });
  });

  document.querySelectorAll("button.svg, button.png").forEach((link) => {
    link.addEventListener("click", () => {
      const plot = document.getElementById("plot-" + link.dataset.chart);
      const size = { width: plot.clientWidth, height: plot.clientHeight };
      // three pixels for each of the page: sharp in print
      const image = { format: link.className, filename: link.dataset.chart, scale: link.className === "png" ? 3 : 1 };
      Plotly.downloadImage(plot, { ...image, ...size });
    });
  });

  // a link to a document inside a folded table must unfold it first
  const unfold = () => {
    const target = location.hash ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
    for (let node = target; node; node = node.parentElement) {
      if (node.tagName === "DETAILS") node.open = true;
    }
    if (target) target.scrollIntoView();
  };
  window.addEventListener("hashchange", unfold);
  unfold();
})();
