"""Small layers with the initial values of this model."""

import keras

NORM_EPSILON = 1e-5


def norm(dtype, name):
    """RMS norm with the original iGPT's epsilon."""
    return keras.layers.RMSNormalization(
        epsilon=NORM_EPSILON, dtype=dtype, name=name
    )


def dense(units, use_bias, scale, dtype, name):
    """Projection that starts with variance `scale**2 / inputs`."""
    return keras.layers.Dense(
        units,
        use_bias=use_bias,
        kernel_initializer=keras.initializers.VarianceScaling(
            scale**2, mode="fan_in", distribution="untruncated_normal"
        ),
        dtype=dtype,
        name=name,
    )
