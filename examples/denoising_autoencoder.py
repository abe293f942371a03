"""A convolutional autoencoder takes the noise off handwritten digits.

Encoder, decoder and autoencoder are three models of the same weights, as in Keras's examples.
"""

import numpy as np

import fastnn as keras
from fastnn import layers
from fastnn.datasets import load_digits, train_test_split
from fastnn.models import Model
from fastnn.plots import image_rows, plot_option

plot = plot_option(__doc__)

rng = np.random.default_rng(0)
x, y = load_digits()
x_train, x_test, _, _ = train_test_split((x / 16).astype("float32"), y)


def noisy(images):
    """Return images in noise."""
    return np.clip(images + rng.normal(0, 0.35, images.shape), 0, 1).astype("float32")


image = layers.Input(shape=(8, 8, 1))
z = layers.Conv2D(32, (3, 3), activation="relu", padding="same")(image)
z = layers.MaxPooling2D((2, 2), padding="same")(z)
z = layers.Conv2D(32, (3, 3), activation="relu", padding="same")(z)
code = layers.MaxPooling2D((2, 2), padding="same")(z)
encoder = Model(image, code, name="encoder")

given = layers.Input(shape=encoder.output_shape[1:])
z = layers.Conv2DTranspose(32, (3, 3), strides=2, activation="relu", padding="same")(given)
z = layers.Conv2DTranspose(32, (3, 3), strides=2, activation="relu", padding="same")(z)
decoder = Model(
    given, layers.Conv2D(1, (3, 3), activation="sigmoid", padding="same")(z), name="decoder"
)

autoencoder = Model(image, decoder(encoder(image)), name="autoencoder")
autoencoder.compile(optimizer=keras.optimizers.Adam(3e-3), loss="binary_crossentropy")
autoencoder.summary()

x_noisy = noisy(x_test)
autoencoder.fit(
    x=noisy(x_train),
    y=x_train,
    epochs=12,
    batch_size=64,
    shuffle=True,
    validation_data=(x_noisy, x_test),
    verbose=2,
)
cleaned = autoencoder.predict(x_noisy)
before, after = (float(np.mean((each - x_test) ** 2)) for each in (x_noisy, cleaned))
print(f"mean squared error {before:.4f} with noise, {after:.4f} without")
assert after < before / 2
assert np.array_equal(decoder.predict(encoder.predict(x_noisy)), cleaned)

if plot:
    shown = {"original": x_test, "with noise": x_noisy, "cleaned": cleaned}
    title = f"mean squared error {before:.3f} with noise, {after:.3f} cleaned"
    image_rows({name: images[:10] for name, images in shown.items()}, title).savefig(plot)
