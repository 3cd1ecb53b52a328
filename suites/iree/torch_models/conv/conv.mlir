// Two convolutions of 3 x 3 with a pooling between them, the mean over the image, and a layer of 10 classes.
// The weights are random with a deviation of 0.01: each layer multiplies by a gain, so that results are of the size of 1.
#image = affine_map<(n, c, h, w) -> (n, c, h, w)>
#channels = affine_map<(n, c, h, w) -> (n, c)>
module @conv {
  util.global private @c0 = #flow.parameter.named<"model"::"c0"> : tensor<8x3x3x3xf32>
  util.global private @c1 = #flow.parameter.named<"model"::"c1"> : tensor<16x8x3x3xf32>
  util.global private @fc = #flow.parameter.named<"model"::"fc"> : tensor<16x10xf32>

  func.func @main(%x: tensor<1x3x16x16xf32>) -> tensor<1x10xf32> {
    %c0 = util.global.load @c0 : tensor<8x3x3x3xf32>
    %c1 = util.global.load @c1 : tensor<16x8x3x3xf32>
    %fc = util.global.load @fc : tensor<16x10xf32>
    %zero = arith.constant 0.0 : f32
    %lowest = arith.constant 0xFF800000 : f32
    %gain = arith.constant 16.0 : f32
    %mean = arith.constant 0.04 : f32  // 1 / (5 * 5)

    %e0 = tensor.empty() : tensor<1x8x14x14xf32>
    %i0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<1x8x14x14xf32>) -> tensor<1x8x14x14xf32>
    %a0 = linalg.conv_2d_nchw_fchw
        ins(%x, %c0 : tensor<1x3x16x16xf32>, tensor<8x3x3x3xf32>)
        outs(%i0 : tensor<1x8x14x14xf32>) -> tensor<1x8x14x14xf32>
    %r0 = linalg.map ins(%a0 : tensor<1x8x14x14xf32>) outs(%e0 : tensor<1x8x14x14xf32>) (%v: f32, %out: f32) {
      %scaled = arith.mulf %v, %gain : f32
      %relu = arith.maximumf %scaled, %zero : f32
      linalg.yield %relu : f32
    }

    %window = tensor.empty() : tensor<2x2xf32>
    %ep = tensor.empty() : tensor<1x8x7x7xf32>
    %ip = linalg.fill ins(%lowest : f32) outs(%ep : tensor<1x8x7x7xf32>) -> tensor<1x8x7x7xf32>
    %p = linalg.pooling_nchw_max {strides = dense<2> : tensor<2xi64>}
        ins(%r0, %window : tensor<1x8x14x14xf32>, tensor<2x2xf32>)
        outs(%ip : tensor<1x8x7x7xf32>) -> tensor<1x8x7x7xf32>

    %e1 = tensor.empty() : tensor<1x16x5x5xf32>
    %i1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<1x16x5x5xf32>) -> tensor<1x16x5x5xf32>
    %a1 = linalg.conv_2d_nchw_fchw
        ins(%p, %c1 : tensor<1x8x7x7xf32>, tensor<16x8x3x3xf32>)
        outs(%i1 : tensor<1x16x5x5xf32>) -> tensor<1x16x5x5xf32>

    %em = tensor.empty() : tensor<1x16xf32>
    %im = linalg.fill ins(%zero : f32) outs(%em : tensor<1x16xf32>) -> tensor<1x16xf32>
    %m = linalg.generic {
        indexing_maps = [#image, #channels], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
        ins(%a1 : tensor<1x16x5x5xf32>) outs(%im : tensor<1x16xf32>) {
    ^bb0(%v: f32, %sum: f32):
      %scaled = arith.mulf %v, %gain : f32
      %relu = arith.maximumf %scaled, %zero : f32
      %part = arith.mulf %relu, %mean : f32
      %next = arith.addf %sum, %part : f32
      linalg.yield %next : f32
    } -> tensor<1x16xf32>

    %ef = tensor.empty() : tensor<1x10xf32>
    %if = linalg.fill ins(%zero : f32) outs(%ef : tensor<1x10xf32>) -> tensor<1x10xf32>
    %f = linalg.matmul ins(%m, %fc : tensor<1x16xf32>, tensor<16x10xf32>) outs(%if : tensor<1x10xf32>) -> tensor<1x10xf32>
    %y = linalg.map ins(%f : tensor<1x10xf32>) outs(%ef : tensor<1x10xf32>) (%v: f32, %out: f32) {
      %scaled = arith.mulf %v, %gain : f32
      linalg.yield %scaled : f32
    }
    return %y : tensor<1x10xf32>
  }
}
