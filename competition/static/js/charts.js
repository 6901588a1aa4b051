// Draws the charts of the page: each [data-chart] names the <script type="application/json"> that holds Bokeh's item.
"use strict";
(() => {
  const style = (name) => getComputedStyle(document.body).getPropertyValue(name);

  // Bokeh knows no CSS variables: its texts and lines take the page's colours, of whichever theme.
  const adopt = (plot) => {
    const text = style("color");
    for (const axis of [...plot.xaxes, ...plot.yaxes]) {
      axis.setv({
        axis_label_text_color: text, major_label_text_color: text, axis_line_color: text,
        major_tick_line_color: text, minor_tick_line_color: null, axis_label_text_font_style: "normal",
      });
    }
    for (const grid of [...plot.xgrids ?? [], ...plot.ygrids ?? []]) grid.setv({ grid_line_color: text, grid_line_alpha: 0.15 });
    for (const legend of plot.legends ?? []) {
      legend.setv({ label_text_color: text, background_fill_color: null, border_line_color: null });
    }
  };

  const plots = [];
  for (const canvas of document.querySelectorAll("[data-chart]")) {
    const item = JSON.parse(document.getElementById(canvas.dataset.chart).textContent);
    Bokeh.embed.embed_item(item, canvas).then((views) => {
      console.log(Object.keys(views[0] ?? views));
    });
  }
})();
