"""Stars for films that nobody saw yet: Embedding and Dot, as in Keras's collaborative filtering.

Every person and every film gets a vector and a bias; how much the one likes the other is their
product.  The tastes are made here: people and films have places in three hidden directions.
"""

import numpy as np

import fastnn as keras
from fastnn import layers
from fastnn.plots import panels, plot_option

plot = plot_option(__doc__)
rng = np.random.default_rng(0)

num_users, num_movies, ratings = 300, 200, 20000
tastes, kinds = rng.normal(size=(num_users, 3)), rng.normal(size=(num_movies, 3))
fame, mildness = rng.normal(0, 0.8, num_movies), rng.normal(0, 0.5, num_users)
# each pair at most once, so that what is tested on was never seen
pairs = rng.permutation(num_users * num_movies)[:ratings]
user, movie = pairs // num_movies, pairs % num_movies
liking = (tastes[user] * kinds[movie]).sum(axis=1) + fame[movie] + mildness[user]
stars = np.clip(np.round((3 + liking / 1.5 + rng.normal(0, 0.3, ratings)) * 2) / 2, 0.5, 5)

# Normalize the targets between 0 and 1
min_rating, max_rating = stars.min(), stars.max()
x = np.column_stack([user, movie])
y = ((stars - min_rating) / (max_rating - min_rating)).astype("float32")
train_indices = int(0.9 * ratings)
x_train, x_val, y_train, y_val = (
    x[:train_indices],
    x[train_indices:],
    y[:train_indices],
    y[train_indices:],
)

EMBEDDING_SIZE = 8


def embedding(count, size, name):
    """Return an input of one number, and its vector."""
    number = keras.Input(shape=(1,), dtype="int32", name=name)
    vectors = layers.Embedding(
        count,
        size,
        embeddings_initializer="he_normal",
        embeddings_regularizer=keras.regularizers.l2(1e-6),
    )
    return (
        number,
        layers.Flatten()(vectors(number)),
        layers.Flatten()(layers.Embedding(count, 1)(number)),
    )


user_input, user_vector, user_bias = embedding(num_users, EMBEDDING_SIZE, "user")
movie_input, movie_vector, movie_bias = embedding(num_movies, EMBEDDING_SIZE, "movie")
match = layers.Dot(axes=1)([user_vector, movie_vector])
rating = layers.Activation("sigmoid")(layers.Add()([match, user_bias, movie_bias]))
model = keras.Model(inputs=[user_input, movie_input], outputs=rating)
model.compile(
    loss=keras.losses.BinaryCrossentropy(),
    optimizer=keras.optimizers.Adam(learning_rate=0.005),
    metrics=["mae"],
)
history = model.fit(
    x=[x_train[:, :1], x_train[:, 1:]],
    y=y_train,
    batch_size=64,
    epochs=10,
    validation_data=([x_val[:, :1], x_val[:, 1:]], y_val),
    verbose=2,
)

said = model.predict([x_val[:, :1], x_val[:, 1:]], verbose=0)[:, 0]
said, truth = (each * (max_rating - min_rating) + min_rating for each in (said, y_val))
error, naive = np.abs(said - truth).mean(), np.abs(truth - stars[:train_indices].mean()).mean()
print(f"mean error {error:.2f} stars; whoever always says the mean errs by {naive:.2f}")
assert error < naive / 2

# Let us get a user and see the top recommendations.
user_id = int(user[0])
unseen = np.setdiff1d(np.arange(num_movies), movie[user == user_id])
scores = model.predict([np.full((len(unseen), 1), user_id), unseen[:, None]], verbose=0)[:, 0]
top = unseen[np.argsort(-scores)[:10]]
print(f"for user {user_id}: films {', '.join(map(str, top))}")
would_like = kinds[unseen] @ tastes[user_id] + fame[unseen]
liked = kinds[top] @ tastes[user_id] + fame[top]
assert liked.min() > np.median(would_like)

if plot:
    figure, (left, middle) = panels("how it learns", f"{len(truth):,} ratings never seen")
    for name, label in (("mae", "training"), ("val_mae", "validation")):
        left.plot(np.add(history.epoch, 1), np.multiply(history.history[name], 4.5), label=label)
    left.axhline(naive, linestyle=":", color="gray", label="whoever says the mean")
    left.set(xlabel="epoch", ylabel="mean error, stars")
    left.legend(frameon=False, fontsize=8)
    middle.boxplot([said[truth == n] for n in np.unique(truth)], showfliers=False)
    middle.set_xticks(range(1, 1 + len(np.unique(truth))), [f"{n:g}" for n in np.unique(truth)])
    middle.set(xlabel="stars given", ylabel="stars foretold")
    figure.savefig(plot)
