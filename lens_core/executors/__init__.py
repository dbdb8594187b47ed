"""Where the classes of an atlas are built: one after another here, or many at once on a cluster.

A class depends on its own images, the model, the settings and, where there are any, the shared
dictionaries. So it is the unit of work. `--executor ray` gives each worker a GPU (where the cluster
has any) and an even share of its machine's cores; a worker loads the model once and then builds
class after class. A worker that dies costs the class that it was at, which another one takes up, a
bounded number of times. A class that fails for what the user can mend is told in one line, the
others are finished, and the same command goes on from there. The atlas has the same hash as one
that was built class by class, if device, precision and threads of a worker are the same.

Planning ImageNet-1k on 8 GPUs
------------------------------

What has to be there:

- every machine sees the images and the model at the same path, and has this package installed;
- `--out` is a folder that all of them share, or a URL (`s3://bucket/atlas`; needs `s3fs` on all).

::

    ray start --head                                   # on the first machine
    ray start --address FIRST:6379                     # on each further one
    lens atlas build --images /data/imagenet/train --model torchvision:resnet50 \\
        --out s3://bucket/resnet50 --executor ray --ray-address auto
    lens atlas verify s3://bucket/resnet50

Run the last but one again after any interruption: finished classes are kept.

MEASURED, with `tests/benchmarks/cost.py` on one AVX512-BF16 core with EfficientNet-Lite0 (0.77
GFLOP a picture, bfloat16) and 48 photographs, of which 42 are predicted as their class; processor
seconds:

=======================================================  =======  ==============
stage                                                    a class  a unit
=======================================================  =======  ==============
decode: JPEG to the model's view and the stored picture     0.11  2.2 ms a photo
encode views                                                0.30  6.2 ms a photo
encode crops, 16 an image                                   4.24  6.3 ms a crop
factorize: NMF of 512 × 1280, r = 10                        0.05
maps: views again, concept maps, importances                0.32
measures: quality, fidelity, steering, ablation             2.17
visualize: MACO, 10 concepts and the class                109.35  9.9 s a picture
write: WebP, tables, arrays                                 1.07
=======================================================  =======  ==============

On processors MACO is nine tenths of the work, and grows neither with images nor with crops; crops
are most of the rest, and JPEG decoding is next to nothing. A class takes 17 kB an image used
(stored pictures are 256 px) and a further 1.2 MB of crops and visualizations.

EXTRAPOLATED, not measured, since there was no GPU to measure on: ResNet50 (8.2 GFLOP), 500
photographs a class of which 370 are predicted as it, 12 cores a GPU, and 30 TFLOP/s sustained, a
tenth of an A100's peak in bfloat16 and a thirtieth of an H100's. Seconds of a class on one worker:
visualize 2.4, encode crops 1.6, write 1.0, views 0.3, factorize 0.3, maps 0.2, decode 0.1, and at
most 18 for measures, if nothing of them became quicker on the GPU or stopped growing with the
images. That is 6 to 23 s a class: 0.2 to 0.8 hours for 1,000 classes on 8 GPUs, and about 9 GB. The
two things to look at first if it takes longer: `--no-measures` shows what the measures cost, and
steps of MACO (128 a class, 18 ms each by this count) are short enough for a GPU to wait for Python.

To plan with figures of your own: `python tests/benchmarks/cost.py --images DIR --model SPEC
--classes NAME --plan-gflop … --tflops … --gpus … --cores …`.
"""

from __future__ import annotations

from lens_core.executors.base import Done, Executor, Place, build_classes
from lens_core.executors.job import Job, ModelSource
from lens_core.executors.local import LocalExecutor

__all__ = ["Done", "Executor", "Job", "LocalExecutor", "ModelSource", "Place", "build_classes"]
