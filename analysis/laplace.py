"""Laplace's approximation of a logit with people and stimuli crossed, its gradient and curvature.

The model and its notation are those of :mod:`analysis.crossed_glmm`. H is never formed: people are
independent given the items, so their (q, q) blocks are taken out first and what is left has the
size of the items. The gradient takes into account that the mode moves with the parameters.

Sources: Breslow and Clayton (1993), Journal of the American Statistical Association 88; Skaug and
Fournier (2006), Computational Statistics & Data Analysis 51, for the gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
NEWTON_STEPS = 60
SETTLED = 1e-9
STEP = 1e-4
"""Of the central differences that give the curvature."""


class Laplace:
    """The approximated log-likelihood of one data set, as a function of its parameters."""

    def __init__(self, x: Floats, y: Floats, z: Floats, who: Codes, item: Codes | None) -> None:
        self.x, self.y, self.z, self.who, self.item = x, y, z, who, item
        self.n, self.k = x.shape
        self.q = z.shape[1]
        self.people = int(who.max()) + 1
        self.items = int(item.max()) + 1 if item is not None else 0
        self.lower = np.tril_indices(self.q)
        self.n_theta = len(self.lower[0]) + (item is not None)
        self.u = np.zeros((self.people, self.q))
        self.v = np.zeros(self.items)

    def unpack(self, parameters: Floats) -> tuple[Floats, float, Floats]:
        """Λ, τ and β."""
        factor = np.zeros((self.q, self.q))
        factor[self.lower] = parameters[: len(self.lower[0])]
        tau = float(parameters[self.n_theta - 1]) if self.item is not None else 0.0
        return factor, tau, parameters[self.n_theta :]

    def loss(self, parameters: Floats) -> float:
        """−log L / n."""
        factor, tau, beta = self.unpack(parameters)
        fixed, scaled = self.x @ beta, self.z @ factor
        best = self._joint(fixed, scaled, tau, self.u, self.v)
        for _ in range(NEWTON_STEPS):
            du, dv, log_det = self._newton(fixed, scaled, tau)
            size = 1.0
            while True:
                u, v = self.u + size * du, self.v + size * dv
                value = self._joint(fixed, scaled, tau, u, v)
                if value >= best - 1e-10 * abs(best) or size < 1e-6:
                    break
                size /= 2
            self.u, self.v, best = u, v, value
            largest = max(np.abs(du).max(), np.abs(dv).max() if len(dv) else 0.0)
            if largest < SETTLED:
                break
        return float(-(best - log_det / 2) / self.n)

    def loss_and_gradient(self, parameters: Floats) -> tuple[float, Floats]:
        """−log L / n and its gradient."""
        return self.loss(parameters), self.gradient(parameters)

    def _predict(self, fixed: Floats, scaled: Floats, tau: float, u: Floats, v: Floats) -> Floats:
        eta = fixed + (scaled * u[self.who]).sum(axis=1)
        return np.asarray(eta if self.item is None else eta + tau * v[self.item])

    def _joint(self, fixed: Floats, scaled: Floats, tau: float, u: Floats, v: Floats) -> float:
        eta = self._predict(fixed, scaled, tau, u, v)
        return float((self.y * eta - np.logaddexp(0, eta)).sum() - ((u**2).sum() + v @ v) / 2)

    def _newton(self, fixed: Floats, scaled: Floats, tau: float) -> tuple[Floats, Floats, float]:
        """Step of u and v, and log|H|."""
        p = special.expit(self._predict(fixed, scaled, tau, self.u, self.v))
        rest = self.y - p
        curvature = self._curvature(p * (1 - p), scaled, tau)
        to_people = self._people(scaled * rest[:, None]) - self.u
        to_items = tau * self._items(rest) - self.v
        du, dv = curvature.solve(to_people, to_items)
        return du, dv, curvature.log_det

    def _curvature(self, w: Floats, scaled: Floats, tau: float) -> Curvature:
        """H for weights w (N,)."""
        blocks = self._people(w[:, None, None] * scaled[:, :, None] * scaled[:, None, :])
        blocks = blocks + np.eye(self.q)
        if self.item is None:
            return Curvature.of(blocks, np.zeros((self.people, self.q, 0)), np.zeros(0))
        size = self.people * self.items
        both = self.who * self.items + self.item
        cross = np.stack(
            [np.bincount(both, w * scaled[:, a] * tau, minlength=size) for a in range(self.q)]
        )
        cross = cross.reshape(self.q, self.people, self.items).transpose(1, 0, 2)
        return Curvature.of(blocks, cross.astype(float), self._items(w) * tau**2 + 1)

    def gradient(self, parameters: Floats) -> Floats:
        """Of −log L / n, where :meth:`loss` has just found the mode.

        With m_i the row of (ZΛ, τ) of answer i, h_i = m_iᵀ H⁻¹ m_i, ω = dw/dη and
        a = H⁻¹ Σ ω_i h_i m_i, which carries how the mode moves,

            d log|H| = Σ (ω h − w mᵀa) dη + 2 Σ w mᵀ H⁻¹ dm + Σ (y − p) aᵀ dm.
        """
        factor, tau, beta = self.unpack(parameters)
        scaled = self.z @ factor
        p = special.expit(self._predict(self.x @ beta, scaled, tau, self.u, self.v))
        w, rest = p * (1 - p), self.y - p
        curvature = self._curvature(w, scaled, tau)
        people, between, items = curvature.inverse()
        to_people = np.einsum("nab,nb->na", people[self.who], scaled)
        to_item = np.zeros(self.n)
        if self.item is not None:
            mixed = between[self.who, :, self.item]
            to_people = to_people + tau * mixed
            to_item = (mixed * scaled).sum(axis=1) + tau * np.diag(items)[self.item]
        pull = w * (1 - 2 * p) * ((to_people * scaled).sum(axis=1) + tau * to_item)
        a_people, a_items = curvature.solve(
            self._people(scaled * pull[:, None]), tau * self._items(pull)
        )
        along = self._predict(np.zeros(self.n), scaled, tau, a_people, a_items)
        by_eta = rest - (pull - w * along) / 2
        found = np.empty(len(parameters))
        found[self.n_theta :] = self.x.T @ by_eta
        for place, (a, b) in enumerate(zip(*self.lower, strict=True)):
            by_scaled = by_eta * self.u[self.who, b] - w * to_people[:, b]
            found[place] = self.z[:, a] @ (by_scaled - rest * a_people[self.who, b] / 2)
        if self.item is not None:
            by_tau = by_eta * self.v[self.item] - w * to_item - rest * a_items[self.item] / 2
            found[self.n_theta - 1] = by_tau.sum()
        return np.asarray(-found / self.n)

    def _people(self, values: Floats) -> Floats:
        """Sums (people, …) of values (N, …)."""
        flat = values.reshape(self.n, -1)
        sums = [np.bincount(self.who, column, minlength=self.people) for column in flat.T]
        return np.column_stack(sums).astype(float).reshape(self.people, *values.shape[1:])

    def _items(self, values: Floats) -> Floats:
        """Sums (items,) of values (N,)."""
        if self.item is None:
            return np.zeros(0)
        return np.bincount(self.item, values, minlength=self.items).astype(float)


@dataclass(frozen=True)
class Curvature:
    """H, people's blocks taken out first: B_p⁻¹, C_p, B_p⁻¹ C_p and S = D − Σ C_pᵀ B_p⁻¹ C_p."""

    inverse_blocks: Floats
    cross: Floats
    solved: Floats
    schur: Floats
    log_det: float

    @classmethod
    def of(cls, blocks: Floats, cross: Floats, own: Floats) -> Curvature:
        """From B (people, q, q), C (people, q, items) and the diagonal D (items,)."""
        inverse = np.linalg.inv(blocks)
        solved = inverse @ cross
        schur = np.diag(own) - np.tensordot(cross, solved, axes=([0, 1], [0, 1]))
        log_det = float(np.linalg.slogdet(blocks)[1].sum())
        log_det += float(np.linalg.slogdet(schur)[1]) if len(own) else 0.0
        return cls(np.asarray(inverse, dtype=float), cross, solved, schur, log_det)

    def solve(self, to_people: Floats, to_items: Floats) -> tuple[Floats, Floats]:
        """H⁻¹ of a vector, in its parts (people, q) and (items,)."""
        first = np.einsum("pab,pb->pa", self.inverse_blocks, to_people)
        if not len(to_items):
            return first, to_items
        rest = to_items - np.einsum("pai,pa->i", self.cross, first)
        dv = np.linalg.solve(self.schur, rest)
        return first - self.solved @ dv, dv

    def inverse(self) -> tuple[Floats, Floats, Floats]:
        """The parts of H⁻¹: one's own (people, q, q), with items (people, q, items), of items."""
        if not len(self.schur):
            return self.inverse_blocks, self.cross, self.schur
        items = np.asarray(np.linalg.inv(self.schur), dtype=float)
        between = -self.solved @ items
        own = self.inverse_blocks - between @ self.solved.transpose(0, 2, 1)
        return own, np.asarray(between), items


def inverse_curvature(model: Laplace, parameters: Floats, free: Sequence[int]) -> Floats:
    """Inverse of the Hessian of −log L; parameters at zero are held there."""
    moves = np.eye(len(parameters))[list(free)] * STEP
    ends = [
        model.loss_and_gradient(parameters + move)[1]
        - model.loss_and_gradient(parameters - move)[1]
        for move in moves
    ]
    hessian = np.array(ends)[:, list(free)] / (2 * STEP)
    return np.asarray(np.linalg.inv((hessian + hessian.T) / 2 * model.n))
