import numpy as np


def fill_green(rgb: np.ndarray, hole: np.ndarray) -> np.ndarray:
    rgb[hole] = (0, 255, 0)
    return rgb


NO_FUNCTION = 3
