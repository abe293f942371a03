"""A net draws digits with twice as many pixels, as Keras's sub-pixel super-resolution does.

Convolutions work on the few pixels; the last makes four numbers of each, which a layer of one's own
spreads over two by two pixels (Shi et al., 2016).
"""

import numpy as np

import fastnn as keras
from fastnn import layers, ops
from fastnn.datasets import load_digits, train_test_split
from fastnn.plots import image_rows, plot_option

plot = plot_option(__doc__)
upscale_factor, channels = 2, 1
x, y = load_digits()
x_train, x_test, _, _ = train_test_split((x / 16).astype("float32"), y)


def coarse(images):
    """Return images of half the size: means of two by two pixels."""
    return images.reshape(-1, 4, 2, 4, 2, 1).mean(axis=(2, 4))


class DepthToSpace(layers.Layer):
    """Spreads channels over pixels: (rows, h, w, b b c) becomes (rows, h b, w b, c)."""

    def __init__(self, block_size, **kwargs):
        super().__init__(**kwargs)
        self.block_size = block_size

    def call(self, inputs):
        batch, height, width, depth = ops.shape(inputs)
        depth = depth // (self.block_size**2)
        x = ops.reshape(inputs, [batch, height, width, self.block_size, self.block_size, depth])
        x = ops.transpose(x, [0, 1, 3, 2, 4, 5])
        x = ops.reshape(x, [batch, height * self.block_size, width * self.block_size, depth])
        return x

    def get_config(self):
        return {**super().get_config(), "block_size": self.block_size}


def get_model(upscale_factor=2, channels=1):
    """Four convolutions of few pixels, then more of them."""
    conv_args = {
        "activation": "relu",
        "kernel_initializer": "orthogonal",
        "padding": "same",
    }
    inputs = keras.Input(shape=(4, 4, channels))
    x = layers.Conv2D(64, 3, **conv_args)(inputs)
    x = layers.Conv2D(64, 3, **conv_args)(x)
    x = layers.Conv2D(32, 3, **conv_args)(x)
    x = layers.Conv2D(channels * (upscale_factor**2), 3, padding="same")(x)
    outputs = DepthToSpace(upscale_factor)(x)

    return keras.Model(inputs, outputs)


early_stopping_callback = keras.callbacks.EarlyStopping(monitor="loss", patience=10)
model = get_model(upscale_factor=upscale_factor, channels=channels)
model.summary()
loss_fn = keras.losses.MeanSquaredError()
optimizer = keras.optimizers.Adam(learning_rate=0.001)
model.compile(optimizer=optimizer, loss=loss_fn)
model.fit(
    coarse(x_train),
    x_train,
    epochs=20,
    callbacks=[early_stopping_callback],
    validation_data=(coarse(x_test), x_test),
    verbose=2,
)


def psnr(images):
    """Return the peak signal-to-noise ratio in decibels, -10 log10 of the mean squared error."""
    return -10 * np.log10(np.mean((images - x_test) ** 2))


drawn = model.predict(coarse(x_test), verbose=0)
enlarged = np.repeat(np.repeat(coarse(x_test), 2, axis=1), 2, axis=2)
print(f"PSNR of large pixels is {psnr(enlarged):.2f}, of the prediction {psnr(drawn):.2f}")
assert psnr(drawn) > psnr(enlarged) + 3

if plot:
    shown = {"given": enlarged, "drawn": drawn, "true": x_test}
    title = f"4 x 4 pixels made 8 x 8: {psnr(drawn):.1f} dB, large pixels {psnr(enlarged):.1f} dB"
    image_rows({name: np.clip(images[:10], 0, 1) for name, images in shown.items()}, title).savefig(
        plot
    )
