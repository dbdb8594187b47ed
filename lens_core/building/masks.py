"""Sobol total indices of an image's concepts by asking for the class's logit at every mask."""

from __future__ import annotations

from torch import Tensor

from lens_core.building.basis import logit_of
from lens_core.classifier import Activations, Classifier
from lens_core.importance import SobolDesign, sobol_total


def sampled_sobol(
    classifier: Classifier,
    class_id: int,
    said: Activations,
    values: Tensor,
    dictionary: Tensor,
    design: SobolDesign,
    batch: int = 256,
) -> tuple[Tensor, Tensor]:
    """Total indices (r,) and standard errors (r,) for one image.

    A head that reads means over positions alone is asked about means: masking, decoding and pooling
    commute, and that saves all positions but one. Any other head gets whole maps.

    Parameters
    ----------
    said
        All that the layer says of the image, a batch of one.
    values
        (r, h, w) concept values of its positions.
    dictionary
        W (r, d).
    """
    pooled, linear = classifier.pooled_head, classifier.linear_head
    if pooled is None:
        return sobol_total(
            lambda maps: logit_of(classifier, class_id, maps, said),
            values,
            dictionary,
            design,
            batch,
        )
    means = values.mean(dim=(1, 2))
    away = 0.0 if said.negative is None else said.negative.mean(dim=(2, 3))
    if linear is not None:
        weight, bias = linear.weight[class_id], linear.bias[class_id]
        return sobol_total(
            lambda a: (a - away) @ weight + bias, means, dictionary, design, len(design.masks)
        )
    return sobol_total(
        lambda a: pooled(a - away)[:, class_id], means, dictionary, design, len(design.masks)
    )
