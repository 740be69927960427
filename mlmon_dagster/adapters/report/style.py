"""The look of the report: light and dark as the reader's system is, nothing loaded from anywhere."""

STYLE = """
:root { color-scheme: light dark; --page:#ffffff; --ink:#1c2330; --soft:#5b6575; --line:#d9dee6; --card:#f6f8fa;
  --reference:#8a94a3; --window:#2f6fde; --limit:#b45309; --drift:#b42318; --ok:#1a7f37; --unsure:#8a5a00; }
@media (prefers-color-scheme: dark) { :root {
  --page:#0f141b; --ink:#e6eaf0; --soft:#9aa5b4; --line:#2a3340;
  --card:#161d27; --reference:#7d8896; --window:#6ea8ff;
  --limit:#f0a04b; --drift:#ff8a80; --ok:#57c77a; --unsure:#e3b341; } }
* { box-sizing: border-box; }
body { margin:0 auto; max-width:1080px; padding:24px 20px 60px; background:var(--page); color:var(--ink);
  font:15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size:24px; margin:0 0 4px; } h2 { font-size:18px; margin:32px 0 10px; } h3 { font-size:16px; margin:0; }
p { margin:6px 0; } .soft { color:var(--soft); }
.verdict { font-weight:650; } .drift, .error { color:var(--drift); } .ok { color:var(--ok); }
.insufficient, .no_data { color:var(--unsure); }
dl { display:grid; grid-template-columns:max-content 1fr; gap:2px 16px; margin:12px 0; }
dt { color:var(--soft); } dd { margin:0; overflow-wrap:anywhere; }
.scroll { overflow-x:auto; } table { border-collapse:collapse; width:100%; font-variant-numeric:tabular-nums; }
caption { text-align:left; color:var(--soft); padding-bottom:6px; }
th, td { text-align:left; padding:6px 10px 6px 0; border-bottom:1px solid var(--line); vertical-align:middle; }
th { font-weight:600; color:var(--soft); white-space:nowrap; } td.number, th.number { text-align:right; }
td.time { white-space:nowrap; }
article { background:var(--card); border:1px solid var(--line); border-radius:10px; padding:16px 18px; margin:14px 0; }
article header { display:flex; gap:12px; align-items:baseline; flex-wrap:wrap; }
.plots { display:grid; grid-template-columns:repeat(auto-fill, minmax(320px, 1fr)); gap:10px 22px; margin-top:8px; }
figure { margin:0; } figcaption { color:var(--soft); font-size:13px; }
svg.plot { width:100%; height:auto; } svg.spark { width:120px; height:28px; display:block; }
rect.reference { fill:var(--reference); } rect.window { fill:var(--window); }
.line { fill:none; stroke-width:2; } .line.reference { stroke:var(--reference); stroke-dasharray:5 3; }
.line.window { stroke:var(--window); } .line.limit { stroke:var(--limit); stroke-dasharray:2 4; }
circle.window { fill:var(--window); } circle.over { fill:var(--drift); }
line.grid { stroke:var(--line); } text.tick { fill:var(--soft); font-size:11px; }
.key { display:inline-block; width:11px; height:11px; border-radius:2px; margin:0 5px 0 12px; vertical-align:-1px; }
.key.reference { background:var(--reference); margin-left:0; } .key.window { background:var(--window); }
a { color:inherit; } a:focus-visible, summary:focus-visible { outline:2px solid var(--window); outline-offset:2px; }
details { margin-top:8px; } summary { cursor:pointer; color:var(--soft); }
@media print { body { max-width:none; } article { break-inside:avoid; } }
"""
