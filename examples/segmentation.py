"""A U-Net says of each pixel what it belongs to, as in Keras's image segmentation example.

Separable convolutions lead down to few pixels, transposed ones up again, past residuals.  The
images are made here: striped discs and barred squares over one another, with noise.
"""

import numpy as np

import fastnn as keras
from fastnn import layers
from fastnn.plots import image_rows, plot_option

plot = plot_option(__doc__)
img_size, num_classes, batch_size = (32, 32), 3, 16  # ground, discs, squares


def pictures(rows, seed):
    """Return images (rows, 32, 32, 3) and the class of each pixel (rows, 32, 32, 1)."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[: img_size[0], : img_size[1]]
    x = np.empty((rows, *img_size, 3), "float32")
    y = np.zeros((rows, *img_size, 1), "uint8")
    for picture, mask in zip(x, y, strict=True):
        picture[...] = rng.uniform(0, 1, 3)
        for _ in range(rng.integers(1, 5)):
            kind, radius = rng.integers(1, num_classes), rng.uniform(4, 9)
            a, b = np.abs([down - rng.uniform(0, 31), across - rng.uniform(0, 31)])
            inside = (np.hypot(a, b) if kind == 1 else np.maximum(a, b)) <= radius
            picture[inside], mask[inside] = rng.uniform(0, 1, 3), kind
            line = (down + across if kind == 1 else down) % 4 < 2
            picture[inside & line] = rng.uniform(0, 1, 3)
        picture += rng.normal(0, 0.08, picture.shape)
    return x, y


def get_model(img_size, num_classes, widths=(16, 32)):
    """A U-Net in the style of Xception."""
    inputs = keras.Input(shape=(*img_size, 3))

    ### [First half of the network: downsampling inputs] ###

    # Entry block
    x = layers.Conv2D(16, 3, strides=2, padding="same")(inputs)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.Activation("relu")(x)

    previous_block_activation = x  # Set aside residual

    for filters in widths:
        x = layers.Activation("relu")(x)
        x = layers.SeparableConv2D(filters, 3, padding="same")(x)
        x = layers.BatchNormalization(momentum=0.9)(x)

        x = layers.Activation("relu")(x)
        x = layers.SeparableConv2D(filters, 3, padding="same")(x)
        x = layers.BatchNormalization(momentum=0.9)(x)

        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)

        # Project residual
        residual = layers.Conv2D(filters, 1, strides=2, padding="same")(previous_block_activation)
        x = layers.Add()([x, residual])  # Add back residual
        previous_block_activation = x  # Set aside next residual

    ### [Second half of the network: upsampling inputs] ###

    for filters in (*widths[::-1], 16):
        x = layers.Activation("relu")(x)
        x = layers.Conv2DTranspose(filters, 3, padding="same")(x)
        x = layers.BatchNormalization(momentum=0.9)(x)

        x = layers.Activation("relu")(x)
        x = layers.Conv2DTranspose(filters, 3, padding="same")(x)
        x = layers.BatchNormalization(momentum=0.9)(x)

        x = layers.UpSampling2D(2)(x)

        # Project residual
        residual = layers.UpSampling2D(2)(previous_block_activation)
        residual = layers.Conv2D(filters, 1, padding="same")(residual)
        x = layers.Add()([x, residual])  # Add back residual
        previous_block_activation = x  # Set aside next residual

    # Add a per-pixel classification layer
    outputs = layers.Conv2D(num_classes, 3, activation="softmax", padding="same")(x)

    return keras.Model(inputs, outputs)


model = get_model(img_size, num_classes)
model.summary()
model.compile(
    optimizer=keras.optimizers.Adam(5e-3),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
x_train, y_train = pictures(400, seed=1)
x_test, y_test = pictures(100, seed=2)
model.fit(
    x_train,
    y_train,
    batch_size=batch_size,
    epochs=8,
    validation_data=(x_test, y_test),
    verbose=2,
)
said = np.argmax(model.predict(x_test, verbose=0), axis=-1)
truth = y_test[..., 0]
overlaps = [
    np.sum((said == kind) & (truth == kind)) / np.sum((said == kind) | (truth == kind))
    for kind in range(num_classes)
]
print(f"{np.mean(said == truth):.1%} of the pixels are told right")
print("intersection over union: " + ", ".join(f"{overlap:.2f}" for overlap in overlaps))
assert np.mean(overlaps) > 0.65

if plot:
    shown = {"image": np.clip(x_test[:8], 0, 1), "true": truth[:8], "told": said[:8]}
    title = f"pixels of ground, discs and squares, {np.mean(said == truth):.0%} told right"
    image_rows(shown, title).savefig(plot)
