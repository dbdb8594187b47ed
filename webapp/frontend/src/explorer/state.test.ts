import assert from "node:assert/strict";
import { test } from "node:test";
import { withValue } from "./state";

test("the address keeps what it held", () => {
  assert.equal(withValue("", "layout", "umap"), "?layout=umap");
  assert.equal(withValue("?q=bee&image=3", "image", "7"), "?q=bee&image=7");
  assert.equal(withValue("?image=3", "dose", "concepts-1:-1.5"), "?image=3&dose=concepts-1:-1.5");
});

test("what is as from the start is not in the address", () => {
  assert.equal(withValue("?layout=umap", "layout", null), "");
  assert.equal(withValue("?layout=umap&image=1", "layout", null), "?image=1");
});
