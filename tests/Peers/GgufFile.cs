using System.Text;
using LLaDA.Diffusion.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Batch.Peers;

/// <summary>
/// A dense LLaDA model as llama.cpp reads it: GGUF version 3, architecture <c>llada</c>, without a vocabulary. Queries and keys are
/// reordered by head, since llama.cpp rotates neighbours where LLaDA rotates halves.
/// </summary>
internal static class GgufFile
{
    private const int Version = 3, Alignment = 32;
    private const string Architecture = "llada";

    /// <param name="type">Of the matrices; vectors are always float32.</param>
    public static void Write(string path, MaskPredictor model, GgufType type)
    {
        var config = model.Config;
        (string Name, string Source, int NumHeads)[] tensors = [.. Tensors(config)];
        var parameters = model.named_parameters().ToDictionary(entry => entry.name, entry => entry.parameter);
        using var stream = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 1 << 20);
        using var writer = new BinaryWriter(stream, Encoding.UTF8);
        writer.Write("GGUF"u8);
        writer.Write(Version);
        writer.Write((long)tensors.Length);
        WriteSettings(writer, config);

        long offset = 0;
        foreach (var (name, source, _) in tensors)
        {
            var parameter = parameters[source];
            var kept = TypeOf(parameter, type);
            WriteText(writer, name);
            writer.Write((int)parameter.dim());
            foreach (long size in parameter.shape.Reverse())
                writer.Write(size);
            writer.Write((int)kept);
            writer.Write(offset);
            offset += Aligned(kept.NumBytes(parameter.numel()));
        }
        Pad(stream, writer);
        foreach (var (_, source, numHeads) in tensors)
        {
            using var scope = NewDisposeScope();
            using var noGradient = no_grad();
            var parameter = parameters[source];
            var numbers = numHeads == 0 ? parameter : InPairs(parameter, numHeads);
            TypeOf(parameter, type).Write(numbers.to(ScalarType.Float32).contiguous().data<float>().ToArray(), stream);
            Pad(stream, writer);
        }
    }

    /// <returns>Name in the file, name in the model, and heads by which the rows are reordered; 0 for none.</returns>
    private static IEnumerable<(string Name, string Source, int NumHeads)> Tensors(LLaDAConfig config)
    {
        yield return ("token_embd.weight", "wte.weight", 0);
        yield return ("output_norm.weight", "ln_f.weight", 0);
        if (!config.TiesWeights)
            yield return ("output.weight", "ff_out.weight", 0);
        for (int layer = 0; layer < config.NumLayers; layer++)
        {
            string to = $"blk.{layer}.", from = $"blocks.{layer}.";
            yield return ($"{to}attn_norm.weight", $"{from}attn_norm.weight", 0);
            yield return ($"{to}attn_q.weight", $"{from}q_proj.weight", config.NumHeads);
            yield return ($"{to}attn_k.weight", $"{from}k_proj.weight", config.NumKeyValueHeads);
            yield return ($"{to}attn_v.weight", $"{from}v_proj.weight", 0);
            yield return ($"{to}attn_output.weight", $"{from}attn_out.weight", 0);
            yield return ($"{to}ffn_norm.weight", $"{from}ff_norm.weight", 0);
            yield return ($"{to}ffn_gate.weight", $"{from}ff_proj.weight", 0);
            yield return ($"{to}ffn_up.weight", $"{from}up_proj.weight", 0);
            yield return ($"{to}ffn_down.weight", $"{from}ff_out.weight", 0);
        }
    }

    private static void WriteSettings(BinaryWriter writer, LLaDAConfig config)
    {
        (string Key, object Value)[] settings =
        [
            ("general.architecture", Architecture),
            ("general.alignment", (uint)Alignment),
            ($"{Architecture}.vocab_size", (uint)config.EmbeddingSize),
            ($"{Architecture}.context_length", (uint)config.MaxSequenceLength),
            ($"{Architecture}.embedding_length", (uint)config.ModelWidth),
            ($"{Architecture}.block_count", (uint)config.NumLayers),
            ($"{Architecture}.feed_forward_length", (uint)config.FeedForwardWidth),
            ($"{Architecture}.attention.head_count", (uint)config.NumHeads),
            ($"{Architecture}.attention.head_count_kv", (uint)config.NumKeyValueHeads),
            ($"{Architecture}.attention.layer_norm_rms_epsilon", (float)config.RmsNormEpsilon),
            ($"{Architecture}.attention.causal", false),
            ($"{Architecture}.rope.freq_base", (float)config.RopeTheta),
            ($"{Architecture}.rope.dimension_count", (uint)config.HeadWidth),
            ("tokenizer.ggml.model", "no_vocab"),
        ];
        writer.Write((long)settings.Length);
        foreach (var (key, value) in settings)
        {
            WriteText(writer, key);
            WriteValue(writer, value);
        }
    }

    /// <summary>The type's number in GGUF, then the value.</summary>
    private static void WriteValue(BinaryWriter writer, object value)
    {
        switch (value)
        {
            case uint number:
                writer.Write(4);
                writer.Write(number);
                break;
            case float number:
                writer.Write(6);
                writer.Write(number);
                break;
            case bool flag:
                writer.Write(7);
                writer.Write(flag);
                break;
            default:
                writer.Write(8);
                WriteText(writer, (string)value);
                break;
        }
    }

    private static void WriteText(BinaryWriter writer, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((long)bytes.Length);
        writer.Write(bytes);
    }

    private static GgufType TypeOf(Tensor parameter, GgufType type) => parameter.dim() > 1 ? type : GgufType.F32;

    /// <summary>In each head, row i of the first half and row i of the second become neighbours.</summary>
    private static Tensor InPairs(Tensor weight, int numHeads)
    {
        long width = weight.shape[1];
        return weight.reshape(numHeads, 2, -1, width).transpose(1, 2).reshape(-1, width);
    }

    private static long Aligned(long numBytes) => (numBytes + Alignment - 1) / Alignment * Alignment;

    private static void Pad(Stream stream, BinaryWriter writer)
    {
        writer.Flush();
        while (stream.Position % Alignment != 0)
            stream.WriteByte(0);
    }
}
