// Two dense layers with a ReLU between them, and a softmax.
module @mlp {
  func.func @main(%x: tensor<8x16xf32>) -> tensor<8x10xf32> {
    %zero = stablehlo.constant dense<0.0> : tensor<f32>
    %lowest = stablehlo.constant dense<0xFF800000> : tensor<f32>
    %w0 = func.call @weights0() : () -> tensor<16x32xf32>
    %w1 = func.call @weights1() : () -> tensor<32x10xf32>
    %h0 = stablehlo.dot_general %x, %w0, contracting_dims = [1] x [0] : (tensor<8x16xf32>, tensor<16x32xf32>) -> tensor<8x32xf32>
    %zeros = stablehlo.broadcast_in_dim %zero, dims = [] : (tensor<f32>) -> tensor<8x32xf32>
    %h1 = stablehlo.maximum %h0, %zeros : tensor<8x32xf32>
    %logits = stablehlo.dot_general %h1, %w1, contracting_dims = [1] x [0] : (tensor<8x32xf32>, tensor<32x10xf32>) -> tensor<8x10xf32>
    %top = stablehlo.reduce(%logits init: %lowest) applies stablehlo.maximum across dimensions = [1] : (tensor<8x10xf32>, tensor<f32>) -> tensor<8xf32>
    %tops = stablehlo.broadcast_in_dim %top, dims = [0] : (tensor<8xf32>) -> tensor<8x10xf32>
    %shifted = stablehlo.subtract %logits, %tops : tensor<8x10xf32>
    %powers = stablehlo.exponential %shifted : tensor<8x10xf32>
    %sum = stablehlo.reduce(%powers init: %zero) applies stablehlo.add across dimensions = [1] : (tensor<8x10xf32>, tensor<f32>) -> tensor<8xf32>
    %sums = stablehlo.broadcast_in_dim %sum, dims = [0] : (tensor<8xf32>) -> tensor<8x10xf32>
    %y = stablehlo.divide %powers, %sums : tensor<8x10xf32>
    return %y : tensor<8x10xf32>
  }
  // Weights are computed from their places, so that the file stays readable.
  func.func private @weights0() -> tensor<16x32xf32> {
    %scale = stablehlo.constant dense<0.25> : tensor<16x32xf32>
    %factor = stablehlo.constant dense<1.7> : tensor<16x32xf32>
    %row = stablehlo.iota dim = 0 : tensor<16x32xf32>
    %column = stablehlo.iota dim = 1 : tensor<16x32xf32>
    %mixed = stablehlo.multiply %row, %factor : tensor<16x32xf32>
    %place = stablehlo.add %mixed, %column : tensor<16x32xf32>
    %wave = stablehlo.sine %place : tensor<16x32xf32>
    %w = stablehlo.multiply %wave, %scale : tensor<16x32xf32>
    return %w : tensor<16x32xf32>
  }
  func.func private @weights1() -> tensor<32x10xf32> {
    %scale = stablehlo.constant dense<0.3> : tensor<32x10xf32>
    %factor = stablehlo.constant dense<2.3> : tensor<32x10xf32>
    %row = stablehlo.iota dim = 0 : tensor<32x10xf32>
    %column = stablehlo.iota dim = 1 : tensor<32x10xf32>
    %mixed = stablehlo.multiply %row, %factor : tensor<32x10xf32>
    %place = stablehlo.add %mixed, %column : tensor<32x10xf32>
    %wave = stablehlo.cosine %place : tensor<32x10xf32>
    %w = stablehlo.multiply %wave, %scale : tensor<32x10xf32>
    return %w : tensor<32x10xf32>
  }
}
