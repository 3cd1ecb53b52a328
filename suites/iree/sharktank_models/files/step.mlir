// One step of a toy denoiser: x - tanh(x @ w) / 4. One scope of parameters, as this format has it.
module @denoiser {
  util.global private @w = #flow.parameter.named<"model"::"w"> : tensor<32x32xf32>

  func.func @step(%x: tensor<4x32xf32>) -> tensor<4x32xf32> {
    %w = util.global.load @w : tensor<32x32xf32>
    %zero = arith.constant 0.0 : f32
    %quarter = arith.constant 0.25 : f32
    %e = tensor.empty() : tensor<4x32xf32>
    %i = linalg.fill ins(%zero : f32) outs(%e : tensor<4x32xf32>) -> tensor<4x32xf32>
    %noise = linalg.matmul ins(%x, %w : tensor<4x32xf32>, tensor<32x32xf32>) outs(%i : tensor<4x32xf32>) -> tensor<4x32xf32>
    %y = linalg.map ins(%x, %noise : tensor<4x32xf32>, tensor<4x32xf32>) outs(%e : tensor<4x32xf32>) (%v: f32, %n: f32, %out: f32) {
      %bounded = math.tanh %n : f32
      %part = arith.mulf %bounded, %quarter : f32
      %next = arith.subf %v, %part : f32
      linalg.yield %next : f32
    }
    return %y : tensor<4x32xf32>
  }
}
