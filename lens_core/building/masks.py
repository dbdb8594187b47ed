"""The class's logit of one image as its concepts are masked, and Sobol indices from that."""

from __future__ import annotations

from torch import Tensor

from lens_core.building.basis import logit_of
from lens_core.classifier import Activations, Classifier
from lens_core.importance import SobolDesign, sobol_total
from lens_core.importance.masked import Head


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
    head = head_of_image(classifier, class_id, said)
    if classifier.pooled_head is None:
        return sobol_total(head, values, dictionary, design, batch)
    return sobol_total(head, values.mean(dim=(1, 2)), dictionary, design, len(design.masks))


def head_of_image(classifier: Classifier, class_id: int, said: Activations) -> Head:
    """The class's logit (n,) for other maps (n, d, h, w) in place of the image's, or other means.

    Means (n, d) are what it takes where the head reads nothing else (`Classifier.pooled_head`).
    What the layer says besides, negative parts and prefix tokens, stays that of the image.

    Parameters
    ----------
    said
        All that the layer says of the image, a batch of one.
    """
    pooled, linear = classifier.pooled_head, classifier.linear_head
    if pooled is None:
        return lambda maps: logit_of(classifier, class_id, maps, said)
    away = 0.0 if said.negative is None else said.negative.mean(dim=(2, 3))
    if linear is not None:  # one class in place of all of them
        weight, bias = linear.weight[class_id], linear.bias[class_id]
        return lambda means: (means - away) @ weight + bias
    return lambda means: pooled(means - away)[:, class_id]
