"""Write tests/torch_states.npz: state dicts of small modules, samples, and what they make of them.

Run with PyTorch 2 (CPU): ``python tests/tools/torch_states.py``.  Samples and results are stored
with channels last.  ``tests/test_torch_weights.py`` has the same models in fastnn.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

torch.manual_seed(3)
IMAGE, SIGNAL, ROW = (2, 4, 6, 5), (2, 4, 7), (2, 5)


class Steps(nn.Module):
    """A recurrent module, of which the output alone goes on."""

    def __init__(self, rnn):
        super().__init__()
        self.rnn = rnn

    def forward(self, x):
        return self.rnn(x)[0]


class Separable(nn.Module):
    def __init__(self):
        super().__init__()
        self.depthwise = nn.Conv2d(4, 8, 3, groups=4, bias=False)
        self.pointwise = nn.Conv2d(8, 3, 1)

    def forward(self, x):
        return self.pointwise(self.depthwise(x))


class Net(nn.Module):
    """The classifier of PyTorch's tutorials, with names of its own."""

    def __init__(self):
        super().__init__()
        self.fc2 = nn.Linear(6, 3)
        self.conv1 = nn.Conv2d(4, 5, 3)
        self.norm = nn.BatchNorm1d(30)
        self.fc1 = nn.Linear(30, 6)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.conv1(x)), (2, 1))
        return self.fc2(torch.relu(self.fc1(self.norm(torch.flatten(x, 1)))))


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(9, 4)
        self.rnn = nn.LSTM(4, 3, num_layers=2, bidirectional=True, batch_first=True)
        self.out = nn.Linear(6, 2)

    def forward(self, ids):
        return self.out(self.rnn(self.words(ids))[0])


def flat_steps():
    return nn.Sequential(Steps(nn.GRU(4, 3, batch_first=True)), nn.Flatten(), nn.Linear(21, 2))


def decoder():
    layers = [nn.Linear(5, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Unflatten(1, (4, 3, 2))]
    return nn.Sequential(*layers, nn.ConvTranspose2d(4, 2, 3, stride=2))


# case -> module, shape of its samples
CASES = {
    "linear": (nn.Linear(5, 3), ROW),
    "linear_without_bias": (nn.Linear(5, 3, bias=False), ROW),
    "conv1d": (nn.Conv1d(4, 6, 3, stride=2, groups=2), SIGNAL),
    "conv2d": (nn.Conv2d(4, 6, (3, 2), dilation=(1, 2)), IMAGE),
    "conv_transpose1d": (nn.ConvTranspose1d(4, 3, 3, stride=2), SIGNAL),
    "conv_transpose2d": (nn.ConvTranspose2d(4, 3, (3, 2), stride=2), IMAGE),
    "depthwise1d": (nn.Conv1d(4, 8, 3, groups=4), SIGNAL),
    "depthwise2d": (nn.Conv2d(4, 8, (3, 2), groups=4), IMAGE),
    "separable2d": (Separable(), IMAGE),
    "batch_norm1d": (nn.BatchNorm1d(5), ROW),
    "batch_norm2d": (nn.BatchNorm2d(4), IMAGE),
    "batch_norm_without_affine": (nn.BatchNorm2d(4, affine=False), IMAGE),
    "layer_norm": (nn.LayerNorm(5), ROW),
    "layer_norm_of_images": (nn.LayerNorm(IMAGE[1:]), IMAGE),
    "group_norm": (nn.GroupNorm(2, 4), IMAGE),
    "rms_norm": (nn.RMSNorm(5, eps=1e-5), ROW),
    "embedding": (nn.Embedding(9, 4), (2, 5)),
    "prelu": (nn.PReLU(4), IMAGE),
    "prelu_of_one": (nn.PReLU(), ROW),
    "lstm": (Steps(nn.LSTM(4, 3, batch_first=True)), (2, 6, 4)),
    "lstm_without_bias": (Steps(nn.LSTM(4, 3, bias=False, batch_first=True)), (2, 6, 4)),
    "gru": (Steps(nn.GRU(4, 3, batch_first=True)), (2, 6, 4)),
    "gru_both_ways": (Steps(nn.GRU(4, 3, bidirectional=True, batch_first=True)), (2, 6, 4)),
    "rnn": (Steps(nn.RNN(4, 3, batch_first=True)), (2, 6, 4)),
    "rnn_of_two": (Steps(nn.RNN(4, 3, 2, nonlinearity="relu", batch_first=True)), (2, 6, 4)),
    "tagger": (Tagger(), (2, 5)),
    "net": (Net(), IMAGE),
    "flat_signal": (nn.Sequential(nn.Conv1d(4, 3, 3), nn.Flatten(), nn.Linear(15, 2)), SIGNAL),
    "flat_steps": (flat_steps(), (2, 7, 4)),
    "flat_words": (nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(20, 2)), (2, 5)),
    "decoder": (decoder(), ROW),
}
IDS = ("embedding", "flat_words", "tagger")
SIGNALS = ("conv1d", "conv_transpose1d", "depthwise1d", "flat_signal")


def last(case, array):
    """Move channels of images and signals to the end."""
    has_channels = array.ndim == 4 or (array.ndim == 3 and case in SIGNALS)
    return np.moveaxis(array, 1, -1) if has_channels else array


def main():
    arrays = {}
    for case, (module, shape) in CASES.items():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point():
                tensor.data.uniform_(0.1, 0.9)
        x = torch.randint(0, 9, shape) if case in IDS else torch.rand(shape) - 0.5
        with torch.no_grad():
            y = module.eval()(x)
        arrays |= {f"{case}|x": last(case, x.numpy()), f"{case}|y": last(case, y.numpy())}
        state = module.state_dict().items()
        arrays |= {f"{case}|state|{key}": value.numpy() for key, value in state}
    np.savez_compressed(Path(__file__).parents[1] / "torch_states.npz", **arrays)


if __name__ == "__main__":
    main()
