"""Sparse autoencoders: how all of them are trained. Their activations are in `sparse_codes`.

With a scaled to a mean length of 1: z = a E + b, u = σ(z), â = u W, rows of W of length 1. There
is no bias after the dictionary, so that Â = U W as with every other method. Minimised is

    mean ‖a − â‖² + penalty(u) + 1/32 · mean ‖(a − â) − û W‖²,

the last with û the strongest of the concepts that have not fired lately (Gao et al., 2024,
arXiv 2406.04093, appendix A.2): what is left over brings dead concepts back.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from lens_core.atlas.progress import Track, no_track
from lens_core.factorization.base import Factorization, checked

_AUXILIARY_WEIGHT = 1 / 32
_SILENT_STEPS = 50


class SparseAutoencoder(Factorization):
    """A linear encoder, a sparse activation and a dictionary, trained by Adam.

    Parameters
    ----------
    n_concepts
        r, often several times d.
    steps, batch, learning_rate
        Of the training; the rate falls to 0 over the last fifth. Rows are drawn in a seeded order,
        each as often as every other.
    seed
        Of the start and of the order of rows.
    """

    def __init__(
        self,
        n_concepts: int,
        steps: int = 2000,
        batch: int = 512,
        learning_rate: float = 1e-3,
        seed: int = 0,
    ) -> None:
        super().__init__(n_concepts)
        self.steps = steps
        self.batch = batch
        self.learning_rate = learning_rate
        self.seed = seed
        self._learned: dict[str, Tensor] = {}

    @abstractmethod
    def activate(self, pre: Tensor, learned: dict[str, Tensor]) -> Tensor:
        """u (n, r) ≥ 0 of z (n, r), each row by itself."""

    def activate_batch(self, pre: Tensor, learned: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The same while training, where rows may compete, and the penalty, a scalar."""
        return self.activate(pre, learned), pre.new_zeros(())

    def extra(self, like: Tensor) -> dict[str, Tensor]:
        """What an activation learns besides; leaves that require gradients are trained."""
        return {}

    def fit(self, activations: Tensor, track: Track = no_track) -> Tensor:
        """Train on A (n, d); returns U (n, r)."""
        a = checked(activations, type(self).__name__)
        length = a.norm(dim=1).mean()
        scale = length if float(length) > 0 else torch.ones_like(length)
        with torch.enable_grad():
            learned = self._train(a.detach() / scale, track)
        self.restore({**{name: x.detach() for name, x in learned.items()}, "scale": scale})
        return self.encode(a)

    def _train(self, a: Tensor, track: Track) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(self.seed)
        w = _start(a, self.n_concepts, generator)
        learned = {
            "dictionary": w.requires_grad_(),
            "encoder": w.detach().T.contiguous().requires_grad_(),
            "bias": a.new_zeros(self.n_concepts).requires_grad_(),
            **self.extra(a),
        }
        trained = [x for x in learned.values() if x.requires_grad]
        optimizer = torch.optim.Adam(trained, lr=self.learning_rate, betas=(0.9, 0.999))
        fade = max(self.steps // 5, 1)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min(1.0, (self.steps - step) / fade)
        )
        silent = torch.zeros(self.n_concepts, device=a.device)
        order = torch.empty(0, dtype=torch.int64)
        for _ in track(range(self.steps), type(self).__name__, self.steps):
            if len(order) < min(self.batch, len(a)):
                order = torch.cat([order, torch.randperm(len(a), generator=generator)])
            rows, order = order[: self.batch], order[self.batch :]
            fired = self._step(a[rows.to(a.device)], learned, silent >= _SILENT_STEPS, optimizer)
            schedule.step()
            silent = torch.where(fired, 0.0, silent + 1)
        self.n_iterations = self.steps
        return learned

    def _step(
        self,
        a: Tensor,
        learned: dict[str, Tensor],
        dead: Tensor,
        optimizer: torch.optim.Optimizer,
    ) -> Tensor:
        """One update; returns which concepts fired (r,)."""
        w = learned["dictionary"]
        pre = a @ learned["encoder"] + learned["bias"]
        u, penalty = self.activate_batch(pre, learned)
        residual = a - u @ w
        loss = residual.square().sum(1).mean() + penalty
        if bool(dead.any()):
            strongest = pre.masked_fill(~dead, -torch.inf).topk(min(int(dead.sum()), 16), dim=1)
            revived = torch.zeros_like(pre).scatter(1, strongest.indices, strongest.values.relu())
            left_over = residual.detach() - revived @ w
            loss = loss + _AUXILIARY_WEIGHT * left_over.square().sum(1).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        with torch.no_grad():
            w /= w.norm(dim=1, keepdim=True).clamp(min=1e-12)
        return (u.detach() > 0).any(0)

    def encode(self, activations: Tensor) -> Tensor:
        """U (n, r) ≥ 0, in units of the activations; a row's values depend on no other row."""
        state = self.state
        a = activations.to(self.dictionary) / state["scale"]
        pre = a @ state["encoder"] + state["bias"]
        return self.activate(pre, self._learned) * state["scale"]

    @property
    def state(self) -> dict[str, Tensor]:
        """The dictionary, the encoder, the scale and what the activation has learned."""
        if not self._learned:
            raise RuntimeError("there is no dictionary before fit()")
        return dict(self._learned)

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take over a `state`, as if fitted."""
        super().restore(state)
        self._learned = dict(state)


def _start(a: Tensor, r: int, generator: torch.Generator) -> Tensor:
    """Rows of A, blurred with noise and scaled to length 1: (r, d)."""
    rows = a[torch.randint(len(a), (r,), generator=generator).to(a.device)]
    noise = nn.functional.normalize(torch.randn(r, a.shape[1], generator=generator).to(a), dim=1)
    return nn.functional.normalize(nn.functional.normalize(rows, dim=1) + 0.5 * noise, dim=1)
