"""What a detector says: labelled boxes in pixels of the upright picture."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A half-open rectangle `[x1, x2) × [y1, y2)`, in pixels; may be fractional until it is drawn."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1

    def as_list(self, *, digits: int = 1) -> list[float]:
        return [round(value, digits) for value in (self.x1, self.y1, self.x2, self.y2)]


@dataclass(frozen=True, slots=True)
class Detection:
    """One thing a model found."""

    label: str
    score: float
    box: Box

    def as_json(self) -> dict[str, object]:
        return {"label": self.label, "score": round(self.score, 4), "box": self.box.as_list()}
