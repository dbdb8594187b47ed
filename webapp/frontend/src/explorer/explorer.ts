// Entry of the explorer's pages. They are readable without it; this adds what answers a pointer.

import { startAnyPair } from "./anypair";
import { startChoose } from "./choose";
import { startAtlasMaps } from "./atlasmap";
import { startCluster } from "./cluster";
import { startConcepts } from "./concepts";
import { readClassData } from "./data";
import { startCopy } from "./copy";
import { startDownloads } from "./download";
import { startCropPage, startDrop } from "./drop";
import { startLike } from "./like";
import { startPeek } from "./peek";
import { startScatters } from "./scatter";
import { filterList, startRandom, startSearch } from "./search";
import { startImageMaps, startStrongImages } from "./shared";
import { readSite } from "./site";
import { startSteering } from "./steering";
import { startTables } from "./tables";
import { startWaterfall } from "./waterfall";

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
startScatters();
startStrongImages();
startImageMaps();
startWaterfall();
startDownloads();
startDrop();
startCropPage();
startLike();
startAnyPair();
startPeek();
startCopy();
startTables();
