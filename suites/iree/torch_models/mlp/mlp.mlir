// Two layers: relu(x @ w0 + b0) @ w1 + b1. One scope of parameters.
module @mlp {
  util.global private @w0 = #flow.parameter.named<"model"::"w0"> : tensor<16x32xf32>
  util.global private @b0 = #flow.parameter.named<"model"::"b0"> : tensor<32xf32>
  util.global private @w1 = #flow.parameter.named<"model"::"w1"> : tensor<32x8xf32>
  util.global private @b1 = #flow.parameter.named<"model"::"b1"> : tensor<8xf32>

  func.func @main(%x: tensor<4x16xf32>) -> tensor<4x8xf32> {
    %w0 = util.global.load @w0 : tensor<16x32xf32>
    %b0 = util.global.load @b0 : tensor<32xf32>
    %w1 = util.global.load @w1 : tensor<32x8xf32>
    %b1 = util.global.load @b1 : tensor<8xf32>
    %zero = arith.constant 0.0 : f32
    %e0 = tensor.empty() : tensor<4x32xf32>
    %e1 = tensor.empty() : tensor<4x8xf32>
    %i0 = linalg.broadcast ins(%b0 : tensor<32xf32>) outs(%e0 : tensor<4x32xf32>) dimensions = [0]
    %h0 = linalg.matmul ins(%x, %w0 : tensor<4x16xf32>, tensor<16x32xf32>) outs(%i0 : tensor<4x32xf32>) -> tensor<4x32xf32>
    %h = linalg.map ins(%h0 : tensor<4x32xf32>) outs(%e0 : tensor<4x32xf32>) (%v: f32, %out: f32) {
      %relu = arith.maximumf %v, %zero : f32
      linalg.yield %relu : f32
    }
    %i1 = linalg.broadcast ins(%b1 : tensor<8xf32>) outs(%e1 : tensor<4x8xf32>) dimensions = [0]
    %y = linalg.matmul ins(%h, %w1 : tensor<4x32xf32>, tensor<32x8xf32>) outs(%i1 : tensor<4x8xf32>) -> tensor<4x8xf32>
    return %y : tensor<4x8xf32>
  }
}
