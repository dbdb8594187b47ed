// Entry of the explorer's pages. They are readable without it; this adds what answers a pointer.

import { startChoose } from "./choose";
import { startCluster } from "./cluster";
import { startConcepts } from "./concepts";
import { readClassData } from "./data";
import { startDownloads } from "./download";
import { startCropPage, startDrop } from "./drop";
import { startLike } from "./like";
import { filterList, startRandom, startSearch } from "./search";
import { startAtlasMaps, startImageMaps, startStrongImages } from "./shared";
import { readSite } from "./site";
import { startSteering } from "./steering";

document.documentElement.classList.add("js");
const site = readSite();
if (site) {
  startSearch(site);
  startRandom(site);
  startChoose(site);
  filterList(site).catch(() => undefined); // the whole list stays
}
const data = readClassData();
if (data) {
  startCluster(data, startConcepts(data));
  startSteering(data);
}
startAtlasMaps();
startStrongImages();
startImageMaps();
startDownloads();
startDrop();
startCropPage();
startLike();
