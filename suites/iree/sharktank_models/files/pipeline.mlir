// Three steps of the other module.
module @pipeline {
  func.func private @denoiser.step(tensor<4x32xf32>) -> tensor<4x32xf32>

  func.func @denoise(%x: tensor<4x32xf32>) -> tensor<4x32xf32> {
    %0 = call @denoiser.step(%x) : (tensor<4x32xf32>) -> tensor<4x32xf32>
    %1 = call @denoiser.step(%0) : (tensor<4x32xf32>) -> tensor<4x32xf32>
    %2 = call @denoiser.step(%1) : (tensor<4x32xf32>) -> tensor<4x32xf32>
    return %2 : tensor<4x32xf32>
  }
}
