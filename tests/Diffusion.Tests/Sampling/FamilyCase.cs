using System.Text.Json;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using TorchSharp;

namespace LLaDA.Diffusion.Tests.Sampling;

/// <summary>A row of a golden case of a family, with the options that ask for what the official function was asked for.</summary>
/// <param name="EveryCanvas">What each pass saw, and the last canvas.</param>
internal sealed record FamilyCase(string Name, SamplingRow Row, int[] Output, int[][] EveryCanvas, int MaxForwards)
{
    /// <summary>The canvases without repetitions.</summary>
    public int[][] Canvases => Distinct(EveryCanvas);

    /// <summary>
    /// In this case of Dream most confidences are exactly 1, since the nucleus holds one token. The official code leaves the choice among
    /// them to torch.topk, which promises no order.
    /// </summary>
    public bool HasTies(LLaDAConfig config) => config.Family == ModelFamilies.Dream && Name == "generate.10[0]";

    /// <summary>The predictions for all masks of a canvas in a step of the case.</summary>
    public List<Prediction> Predict(MaskPredictor model, int[] canvas, uint step)
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        int[] masked = [.. Enumerable.Range(0, canvas.Length).Where(position => canvas[position] == model.Config.MaskTokenId)];
        var measure = Row.Options.Remasking switch
        {
            Remasking.TopkMargin => ConfidenceMeasure.Margin,
            Remasking.Entropy => ConfidenceMeasure.NegativeEntropy,
            _ => ConfidenceMeasure.DrawnProbability,
        };
        var logits = model.call(TinyModel.Canvas([.. canvas.Select(token => (long)token)]))[0]
            .index_select(0, torch.tensor(masked.Select(position => (long)model.Config.PlaceOf(position)).ToArray()));
        var requests = masked.Select(position => new TokenRequest(
            Row.Options, Row.Draws?.Invoke(RandomStream.Token, step, position) ?? 0.5, measure, FiltersByTopPFirst: true));
        var (tokens, ranks) = TokenChoice.Choose(logits, [.. requests]);
        double[] own = [.. TokenChoice.LogProbability(logits, tokens).exp().to(torch.ScalarType.Float64).data<double>()];
        double[] confidence = requests.First().RanksByDistribution ? [.. ranks.data<double>()] : own;
        return [.. masked.Zip(tokens.data<long>(), confidence).Select(
            entry => new Prediction(entry.First, (int)entry.Second, own[0], entry.Third))];
    }

    /// <summary>The tokens that count: up to the first end where the row stops at one.</summary>
    public int[] Counted(int[] tokens, LLaDAConfig config)
    {
        int start = Row.Canvas.Index().First(entry => entry.Item == config.MaskTokenId).Index;
        int end = Row.Options.StopsAtEos ? Array.FindIndex(tokens, start, config.IsEnd) : -1;
        return end < 0 ? tokens : tokens[..(end + 1)];
    }

    public static IEnumerable<FamilyCase> Of(GoldenFolder golden, LLaDAConfig config) =>
        golden.Json.GetProperty("cases").EnumerateArray().SelectMany(settings => Rows(golden, settings, config));

    private static IEnumerable<FamilyCase> Rows(GoldenFolder golden, JsonElement settings, LLaDAConfig config)
    {
        string name = GoldenSamplingTests.Name(settings);
        int[][] prompts = golden.Rows($"{name}.prompt"), outputs = golden.Rows($"{name}.output");
        int[][]? isToken = golden.Has($"{name}.attention_mask") ? golden.Rows($"{name}.attention_mask") : null;
        for (int row = 0; row < prompts.Length; row++)
        {
            int numPads = isToken?[row].Count(value => value == 0) ?? 0;
            yield return Case(golden, settings, config, $"{name}[{row}]", prompts[row][numPads..], outputs[row], row, numPads);
        }
    }

    private static FamilyCase Case(
        GoldenFolder golden, JsonElement settings, LLaDAConfig config, string label, int[] prompt, int[] output, int row, int numPads)
    {
        JsonElement? Find(string setting) =>
            settings.TryGetProperty(setting, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
        string name = GoldenSamplingTests.Name(settings);
        int numNew = (Find("gen_length") ?? Find("max_new_tokens"))!.Value.GetInt32();
        int[] canvas = [.. prompt, .. Enumerable.Repeat(config.MaskTokenId, numNew)];
        var options = Options(Find, numNew, config);
        // LLaDA2's function returns the new tokens alone, up to their end.
        int[] whole = config.Family == ModelFamilies.LLaDA2 ? [.. prompt, .. output] : output[numPads..];
        int[] expected = whole[..Math.Min(whole.Length, canvas.Length)];
        int[][] canvases = CanvasesOf(golden, name, row, numPads, canvas.Length);
        int width = config.Family.IsBlockCausal ? options.BlockLength!.Value : 0;
        return new FamilyCase(
            label,
            new SamplingRow(canvas, options) { Draws = Draws(golden, name, row, numPads, width) },
            expected,
            canvases,
            Passes(settings));
    }

    private static SamplingOptions Options(Func<string, JsonElement?> find, int numNew, LLaDAConfig config)
    {
        bool isArgmax = find("draw")?.GetString() is null or "argmax" or "uniform_unmask";
        int? topK = find("top_k")?.GetInt32();
        string rule = (find("remasking") ?? find("alg"))?.GetString() ?? "low_confidence";
        var remasking = rule.StartsWith("low_confidence", StringComparison.Ordinal)
            ? Remasking.LowConfidence
            : Enum.GetValues<Remasking>().Single(value => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()) == rule);
        double? editing = find("editing_threshold")?.GetDouble();
        int? blockLength = find("block_length")?.GetInt32();
        int? steps = find("steps")?.GetInt32();
        if (find("minimal_topk") is { } least)
            steps = Math.Min(steps!.Value, numNew / least.GetInt32());
        if (find("num_to_transfer") is { } quota)
            steps = (blockLength + quota.GetInt32() - 1) / quota.GetInt32();
        return new SamplingOptions
        {
            Steps = steps,
            BlockLength = blockLength,
            Temperature = isArgmax ? 0 : find("temperature")!.Value.GetDouble(),
            TopP = find("top_p")?.GetDouble() ?? 1,
            TopK = topK is 0 ? null : topK,
            CfgScale = find("cfg_scale")?.GetDouble() ?? 0,
            ForbidsEos = find("logits_eos_inf")?.GetBoolean() ?? false,
            Remasking = remasking,
            Threshold = remasking == Remasking.LowConfidence ? find("threshold")?.GetDouble() : null,
            EntropyBound = find("eb_threshold")?.GetDouble(),
            EndTime = find("alg") is null ? null : find("eps")?.GetDouble(),
            EditingThreshold = editing,
            MaxPostSteps = find("max_post_steps")?.GetInt32(),
            StopsAtEos = config.Family == ModelFamilies.LLaDA2 || find("stop_ids") is not null,
        };
    }

    private static int Passes(JsonElement settings)
    {
        var passes = settings.GetProperty("passes");
        int sum = passes.ValueKind == JsonValueKind.Object
            ? passes.EnumerateObject().Sum(entry => entry.Value.GetInt32())
            : passes.GetInt32();
        return sum * (settings.TryGetProperty("cfg_scale", out var scale) && scale.GetDouble() > 0 ? 2 : 1);
    }

    private static int[][] CanvasesOf(GoldenFolder golden, string name, int row, int numPads, int length)
    {
        using var all = golden[$"{name}.canvas"];                                                                // [S + 1, B, T]
        using var ofRow = all.select(1, row).contiguous();
        int width = (int)ofRow.shape[1];
        return [.. ofRow.data<long>().Select(token => (int)token).Chunk(width).Select(canvas => canvas[numPads..(numPads + length)])];
    }

    public static int[][] Distinct(IEnumerable<int[]> canvases)
    {
        List<int[]> distinct = [];
        foreach (int[] canvas in canvases)
        {
            if (distinct.Count == 0 || !distinct[^1].SequenceEqual(canvas))
                distinct.Add(canvas);
        }
        return [.. distinct];
    }

    /// <param name="blockLength">Draws are by position in the block; 0 where they are by position in the canvas.</param>
    private static Func<RandomStream, uint, int, double>? Draws(GoldenFolder golden, string name, int row, int numPads, int blockLength)
    {
        if (!golden.Has($"{name}.uniform"))
            return null;
        using var uniform = golden[$"{name}.uniform"];
        using var ofRow = blockLength > 0 ? uniform.alias() : uniform.select(1, row).contiguous();
        float[][] draws = [.. ofRow.data<float>().Chunk((int)ofRow.shape[1])];
        return (_, step, position) => draws[step][blockLength > 0 ? position % blockLength : position + numPads];
    }
}
