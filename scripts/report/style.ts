/** The page's only style; the page's policy has its hash. Contrasts are at least 4.5:1 for text, 3:1 for shapes. */
export const STYLE = `
:root{color-scheme:light dark;--bg:#fbfaf7;--panel:#fff;--text:#1c1c21;--muted:#565660;--line:#d8d5cc;--link:#1a4fa3;
--on:#8a5600;--on-estimated:#b98428;--job:#1f5fbf;--failed:#b3202c;--good:#1d6b3a;--always:#eceae3;--always-line:#8d8a80;--wait:#6b4fa0}
@media (prefers-color-scheme:dark){:root{--bg:#131417;--panel:#1b1d21;--text:#ecebe6;--muted:#a9a8b2;--line:#373a41;--link:#9cc2ff;
--on:#e6a52e;--on-estimated:#a87f36;--job:#7fb0ff;--failed:#ff8b8b;--good:#79d097;--always:#24272d;--always-line:#7b7e88;--wait:#bda6f0}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
.skip{position:absolute;left:-999rem}
.skip:focus{left:1rem;top:1rem;background:var(--panel);padding:.5rem 1rem;z-index:1}
header,main,footer{max-width:60rem;margin:0 auto;padding:0 1rem}
header{padding-top:1.5rem}
h1{font-size:1.6rem;line-height:1.2;margin:0 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:0 0 .5rem}
h3{font-size:1rem;margin:1rem 0 .25rem}
p{margin:.25rem 0 .75rem}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.muted,figcaption,caption{color:var(--muted)}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1rem;list-style:none;padding:0;margin:.75rem 0}
nav a{display:inline-block;padding:.25rem 0}
section{background:var(--panel);border:1px solid var(--line);border-radius:.5rem;padding:1rem;margin:1rem 0}
dl.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.75rem;margin:0}
@media (min-width:50rem){dl.tiles{grid-template-columns:repeat(4,1fr)}}
dl.tiles div{border-left:3px solid var(--on);padding-left:.6rem}
dl.tiles dt{color:var(--muted);font-size:.875rem}
dl.tiles dd{margin:0}
dl.tiles .number{font-size:1.35rem;font-weight:600;line-height:1.25;overflow-wrap:anywhere}
dl.tiles .small{font-size:.875rem;color:var(--muted)}
figure{margin:.5rem 0}
figcaption{font-size:.875rem}
.plot{display:block;width:100%;height:auto}
.plot text{white-space:pre}
.wide{font-size:12px}
.narrow{display:none;font-size:11px}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:1.5rem}
.pair .wide{display:none}
.pair .narrow{display:block;max-width:26rem}
.legend{display:flex;flex-wrap:wrap;gap:.1rem 1rem;list-style:none;padding:0;margin:.25rem 0;font-size:.875rem}
.legend span{display:inline-block;width:.9rem;height:.7rem;margin-right:.35rem;border:1px solid transparent}
.c-on{background:var(--on)}.c-estimated{background:var(--on-estimated)}.c-job{background:var(--job)}.c-failed{background:var(--failed)}
.legend .c-always{background:var(--always);border-color:var(--always-line)}
.legend .c-waiting{height:0;border:0;border-top:2px dotted currentColor;vertical-align:middle}
details{margin:.5rem 0}
summary{cursor:pointer;padding:.25rem 0;color:var(--link)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}
caption{text-align:left;padding-bottom:.25rem}
th,td{text-align:left;padding:.3rem .75rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.key{overflow-wrap:anywhere;min-width:8rem}
ul.failures{list-style:none;padding:0;margin:0}
ul.failures>li{border-left:3px solid var(--failed);padding:.1rem 0 .1rem .75rem;margin:.75rem 0}
.bad{color:var(--failed)}
.good{color:var(--good)}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--bg);border:1px solid var(--line);padding:.5rem;font-size:.85rem;margin:.25rem 0}
form .drop{border:2px dashed var(--always-line);border-radius:.5rem;padding:1rem;text-align:center}
form .drop.over{border-color:var(--link);background:var(--bg)}
input[type=file]{max-width:100%;color:inherit;font:inherit}
label{display:block;font-weight:600;margin-bottom:.25rem}
progress{width:8rem;max-width:100%;accent-color:var(--job)}
footer{color:var(--muted);font-size:.875rem;padding-bottom:2rem}
@media (max-width:40rem){
.wide{display:none}.narrow{display:block}
.pair{grid-template-columns:1fr}
section{padding:.75rem;margin:.75rem -.25rem}
table.stack,table.stack caption,table.stack tbody,table.stack tr,table.stack td{display:block}
table.stack thead{position:absolute;left:-999rem}
table.stack tr{border-bottom:1px solid var(--line);padding:.4rem 0}
dl.tiles .number{font-size:1.15rem;white-space:nowrap}
table.stack td{border:0;padding:.05rem 0;text-align:left;white-space:normal}
table.stack td[data-head]::before{content:attr(data-head) ": ";color:var(--muted)}
}
@media print{
:root{--bg:#fff;--panel:#fff;--text:#000;--muted:#444;--line:#bbb;--link:#000;--on:#8a5600;--on-estimated:#b98428;--job:#1f5fbf;--failed:#b3202c;--always:#eceae3;--always-line:#8d8a80;--wait:#6b4fa0;--good:#1d6b3a}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
nav,.skip,form,.screen-only{display:none}
section{break-inside:avoid-page;border:0;border-top:1px solid var(--line);border-radius:0;padding:.75rem 0}
body{font-size:11pt}
}
`;
