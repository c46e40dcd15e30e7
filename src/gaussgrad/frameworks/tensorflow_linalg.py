"""What the array API calls its functions of matrices, in TensorFlow."""

import tensorflow as tf

cholesky = tf.linalg.cholesky
diagonal = tf.linalg.diag_part
solve = tf.linalg.solve
