// A decoder of one layer with one head: 6 tokens of a vocabulary of 32, 16 features, 32 hidden ones; returns logits.
// Two scopes of parameters, `embedding` and `block`.
#same = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
module @decoder {
  util.global private @words = #flow.parameter.named<"embedding"::"words"> : tensor<32x16xf32>
  util.global private @places = #flow.parameter.named<"embedding"::"places"> : tensor<6x16xf32>
  util.global private @q = #flow.parameter.named<"block"::"q"> : tensor<16x16xf32>
  util.global private @k = #flow.parameter.named<"block"::"k"> : tensor<16x16xf32>
  util.global private @v = #flow.parameter.named<"block"::"v"> : tensor<16x16xf32>
  util.global private @o = #flow.parameter.named<"block"::"o"> : tensor<16x16xf32>
  util.global private @up = #flow.parameter.named<"block"::"up"> : tensor<16x32xf32>
  util.global private @down = #flow.parameter.named<"block"::"down"> : tensor<32x16xf32>

  func.func @main(%tokens: tensor<6xi64>) -> tensor<6x32xf32> {
    %words = util.global.load @words : tensor<32x16xf32>
    %places = util.global.load @places : tensor<6x16xf32>
    %x = call @embed(%tokens, %words, %places) : (tensor<6xi64>, tensor<32x16xf32>, tensor<6x16xf32>) -> tensor<6x16xf32>
    %e0 = tensor.empty() : tensor<6x16xf32>
    %n0 = call @norm(%x) : (tensor<6x16xf32>) -> tensor<6x16xf32>
    %a = call @attention(%n0) : (tensor<6x16xf32>) -> tensor<6x16xf32>
    %x1 = linalg.map { arith.addf } ins(%x, %a : tensor<6x16xf32>, tensor<6x16xf32>) outs(%e0 : tensor<6x16xf32>)
    %n1 = call @norm(%x1) : (tensor<6x16xf32>) -> tensor<6x16xf32>
    %f = call @feed_forward(%n1) : (tensor<6x16xf32>) -> tensor<6x16xf32>
    %x2 = linalg.map { arith.addf } ins(%x1, %f : tensor<6x16xf32>, tensor<6x16xf32>) outs(%e0 : tensor<6x16xf32>)
    %n2 = call @norm(%x2) : (tensor<6x16xf32>) -> tensor<6x16xf32>
    // The embedding is also the last layer.
    %et = tensor.empty() : tensor<16x32xf32>
    %t = linalg.transpose ins(%words : tensor<32x16xf32>) outs(%et : tensor<16x32xf32>) permutation = [1, 0]
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<6x32xf32>
    %i = linalg.fill ins(%zero : f32) outs(%e : tensor<6x32xf32>) -> tensor<6x32xf32>
    %y = linalg.matmul ins(%n2, %t : tensor<6x16xf32>, tensor<16x32xf32>) outs(%i : tensor<6x32xf32>) -> tensor<6x32xf32>
    return %y : tensor<6x32xf32>
  }

  func.func private @embed(%tokens: tensor<6xi64>, %words: tensor<32x16xf32>, %places: tensor<6x16xf32>) -> tensor<6x16xf32> {
    %e = tensor.empty() : tensor<6x16xf32>
    %x = linalg.generic {indexing_maps = [#row, #same, #same], iterator_types = ["parallel", "parallel"]}
        ins(%tokens, %places : tensor<6xi64>, tensor<6x16xf32>) outs(%e : tensor<6x16xf32>) {
    ^bb0(%token: i64, %place: f32, %out: f32):
      %at = arith.index_cast %token : i64 to index
      %j = linalg.index 1 : index
      %word = tensor.extract %words[%at, %j] : tensor<32x16xf32>
      %sum = arith.addf %word, %place : f32
      linalg.yield %sum : f32
    } -> tensor<6x16xf32>
    return %x : tensor<6x16xf32>
  }

  // Each row by its root mean square; no learned scale.
  func.func private @norm(%x: tensor<6x16xf32>) -> tensor<6x16xf32> {
    %zero = arith.constant 0.0 : f32
    %share = arith.constant 0.0625 : f32
    %epsilon = arith.constant 1.0e-5 : f32
    %er = tensor.empty() : tensor<6xf32>
    %ir = linalg.fill ins(%zero : f32) outs(%er : tensor<6xf32>) -> tensor<6xf32>
    %squares = linalg.generic {indexing_maps = [#same, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<6x16xf32>) outs(%ir : tensor<6xf32>) {
    ^bb0(%v: f32, %sum: f32):
      %square = arith.mulf %v, %v : f32
      %part = arith.mulf %square, %share : f32
      %next = arith.addf %sum, %part : f32
      linalg.yield %next : f32
    } -> tensor<6xf32>
    %e = tensor.empty() : tensor<6x16xf32>
    %n = linalg.generic {indexing_maps = [#same, #row, #same], iterator_types = ["parallel", "parallel"]}
        ins(%x, %squares : tensor<6x16xf32>, tensor<6xf32>) outs(%e : tensor<6x16xf32>) {
    ^bb0(%v: f32, %square: f32, %out: f32):
      %safe = arith.addf %square, %epsilon : f32
      %inverse = math.rsqrt %safe : f32
      %scaled = arith.mulf %v, %inverse : f32
      linalg.yield %scaled : f32
    } -> tensor<6x16xf32>
    return %n : tensor<6x16xf32>
  }

  func.func private @attention(%x: tensor<6x16xf32>) -> tensor<6x16xf32> {
    %wq = util.global.load @q : tensor<16x16xf32>
    %wk = util.global.load @k : tensor<16x16xf32>
    %wv = util.global.load @v : tensor<16x16xf32>
    %wo = util.global.load @o : tensor<16x16xf32>
    %zero = arith.constant 0.0 : f32
    %scale = arith.constant 0.25 : f32
    %never = arith.constant -1.0e30 : f32
    %e = tensor.empty() : tensor<6x16xf32>
    %i = linalg.fill ins(%zero : f32) outs(%e : tensor<6x16xf32>) -> tensor<6x16xf32>
    %q = linalg.matmul ins(%x, %wq : tensor<6x16xf32>, tensor<16x16xf32>) outs(%i : tensor<6x16xf32>) -> tensor<6x16xf32>
    %k = linalg.matmul ins(%x, %wk : tensor<6x16xf32>, tensor<16x16xf32>) outs(%i : tensor<6x16xf32>) -> tensor<6x16xf32>
    %v = linalg.matmul ins(%x, %wv : tensor<6x16xf32>, tensor<16x16xf32>) outs(%i : tensor<6x16xf32>) -> tensor<6x16xf32>
    %et = tensor.empty() : tensor<16x6xf32>
    %kt = linalg.transpose ins(%k : tensor<6x16xf32>) outs(%et : tensor<16x6xf32>) permutation = [1, 0]
    %es = tensor.empty() : tensor<6x6xf32>
    %is = linalg.fill ins(%zero : f32) outs(%es : tensor<6x6xf32>) -> tensor<6x6xf32>
    %s = linalg.matmul ins(%q, %kt : tensor<6x16xf32>, tensor<16x6xf32>) outs(%is : tensor<6x6xf32>) -> tensor<6x6xf32>
    // A token sees itself and those before it.
    %masked = linalg.generic {indexing_maps = [#same, #same], iterator_types = ["parallel", "parallel"]}
        ins(%s : tensor<6x6xf32>) outs(%es : tensor<6x6xf32>) {
    ^bb0(%score: f32, %out: f32):
      %row = linalg.index 0 : index
      %column = linalg.index 1 : index
      %seen = arith.cmpi ule, %column, %row : index
      %scaled = arith.mulf %score, %scale : f32
      %kept = arith.select %seen, %scaled, %never : f32
      linalg.yield %kept : f32
    } -> tensor<6x6xf32>
    %p = linalg.softmax dimension(1) ins(%masked : tensor<6x6xf32>) outs(%es : tensor<6x6xf32>) -> tensor<6x6xf32>
    %a = linalg.matmul ins(%p, %v : tensor<6x6xf32>, tensor<6x16xf32>) outs(%i : tensor<6x16xf32>) -> tensor<6x16xf32>
    %y = linalg.matmul ins(%a, %wo : tensor<6x16xf32>, tensor<16x16xf32>) outs(%i : tensor<6x16xf32>) -> tensor<6x16xf32>
    return %y : tensor<6x16xf32>
  }

  func.func private @feed_forward(%x: tensor<6x16xf32>) -> tensor<6x16xf32> {
    %up = util.global.load @up : tensor<16x32xf32>
    %down = util.global.load @down : tensor<32x16xf32>
    %zero = arith.constant 0.0 : f32
    %eh = tensor.empty() : tensor<6x32xf32>
    %ih = linalg.fill ins(%zero : f32) outs(%eh : tensor<6x32xf32>) -> tensor<6x32xf32>
    %h = linalg.matmul ins(%x, %up : tensor<6x16xf32>, tensor<16x32xf32>) outs(%ih : tensor<6x32xf32>) -> tensor<6x32xf32>
    %t = linalg.map { math.tanh } ins(%h : tensor<6x32xf32>) outs(%eh : tensor<6x32xf32>)
    %e = tensor.empty() : tensor<6x16xf32>
    %i = linalg.fill ins(%zero : f32) outs(%e : tensor<6x16xf32>) -> tensor<6x16xf32>
    %y = linalg.matmul ins(%t, %down : tensor<6x32xf32>, tensor<32x16xf32>) outs(%i : tensor<6x16xf32>) -> tensor<6x16xf32>
    return %y : tensor<6x16xf32>
  }
}
