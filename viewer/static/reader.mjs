// The PDF pane: PDF.js draws the pages, and the words the search found are marked on them.
const pane = document.getElementById("rute");
const data = pane.dataset;
const byId = (id) => document.getElementById(id);
const say = (template, values) => template.replace(/\{(\w+)\}/g, (_, name) => values[name]);

const pdfjs = await import(`${data.base}pdf.min.mjs`);
globalThis.pdfjsLib = pdfjs;
const { EventBus, PDFFindController, PDFLinkService, PDFViewer } = await import(`${data.base}pdf_viewer.mjs`);
pdfjs.GlobalWorkerOptions.workerSrc = `${data.base}pdf.worker.min.mjs`;

const eventBus = new EventBus();
const linkService = new PDFLinkService({ eventBus, externalLinkTarget: 0, ignoreDestinationZoom: true });
// a link in an old document leads nowhere from here
linkService.externalLinkEnabled = false;
const findController = new PDFFindController({ linkService, eventBus, delay: 0 });
const viewer = new PDFViewer({
  container: byId("scroller"),
  viewer: byId("sidene"),
  eventBus,
  linkService,
  findController,
  // form values, notes and stamps are content: they are drawn; nothing of them can be changed or followed
  annotationMode: pdfjs.AnnotationMode.ENABLE,
  annotationEditorMode: pdfjs.AnnotationEditorType.DISABLE,
  enableAutoLinking: false,
  imageResourcesPath: `${data.base}images/`,
});
linkService.setViewer(viewer);

const words = JSON.parse(data.words);
const find = (more) => eventBus.dispatch("find", {
  source: pane, type: "", query: words, caseSensitive: false, entireWord: true, highlightAll: true,
  matchDiacritics: true, findPrevious: false, ...more,
});

function showHits({ matchesCount }) {
  const { current, total } = matchesCount;
  byId("treff").textContent = total ? say(data.textHits, { at: current, n: total }) : data.textNone;
  pane.dataset.hits = String(total);
}

function showScale() {
  byId("zoom").textContent = `${Math.round(viewer.currentScale * 100)} %`;
}

eventBus.on("pagesinit", () => {
  viewer.currentScaleValue = "page-width";
  byId("side").max = String(viewer.pagesCount);
  byId("sider").textContent = say(data.textPages, { n: viewer.pagesCount });
  document.querySelector(".tools").hidden = false;
  if (words.length) {
    document.querySelector(".hits").hidden = false;
    find({});
  }
});
eventBus.on("pagerendered", () => { byId("venter").hidden = true; pane.dataset.rendered = "true"; });
eventBus.on("pagechanging", ({ pageNumber }) => { byId("side").value = String(pageNumber); });
eventBus.on("scalechanging", showScale);
eventBus.on("updatefindmatchescount", showHits);
eventBus.on("updatefindcontrolstate", showHits);

byId("neste-treff").addEventListener("click", () => find({ type: "again" }));
byId("forrige-treff").addEventListener("click", () => find({ type: "again", findPrevious: true }));
byId("storre").addEventListener("click", () => viewer.increaseScale());
byId("mindre").addEventListener("click", () => viewer.decreaseScale());
byId("bredde").addEventListener("click", () => { viewer.currentScaleValue = "page-width"; });
byId("side").addEventListener("change", (event) => {
  const page = Number(event.target.value);
  if (page >= 1 && page <= viewer.pagesCount) viewer.currentPageNumber = page;
});

try {
  const pdf = await pdfjs.getDocument({
    url: data.url,
    isEvalSupported: false,
    enableXfa: false,
    disableAutoFetch: true,
    disableStream: true,
    rangeChunkSize: 262144,
    cMapUrl: `${data.base}cmaps/`,
    cMapPacked: true,
    iccUrl: `${data.base}iccs/`,
    wasmUrl: `${data.base}wasm/`,
  }).promise;
  viewer.setDocument(pdf);
  linkService.setDocument(pdf, null);
} catch (error) {
  // the server answers 500 where the bytes are not those that were archived
  byId("venter").textContent = error?.status === 500 ? data.textDamaged : data.textFailed;
  pane.dataset.failed = "true";
}
