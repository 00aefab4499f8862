using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LLaDA.Batch.Testing.Fuzzing;

/// <summary>Makes the inputs of a target. Input n of a seed is always the same.</summary>
public sealed class Mutator(FuzzTarget target, int seed)
{
    private const int MaxBytes = 1 << 18, MaxRepeats = 400, MaxMutations = 5;

    private static readonly byte[] s_signs = [.. "{}[]\",:\\/-+.eE0918 \n\r\t\0"u8, 0x7f, 0x80, 0xc0, 0xed, 0xef, 0xf0, 0xff];

    public byte[] Input(long number)
    {
        var random = new Random(HashCode.Combine(seed, number));
        byte[] input = target.Seeds[random.Next(target.Seeds.Count)];
        for (int count = 1 + random.Next(MaxMutations); count > 0; count--)
            input = random.Next(2) == 0 && WithJson(input, random) is { } changed ? changed : WithBytes(input, random);
        return input.Length <= MaxBytes ? input : input[..MaxBytes];
    }

    private byte[]? WithJson(byte[] input, Random random)
    {
        try
        {
            var place = target.Frame is null ? Range.All : target.Frame.Find(input);
            if (place is not { } found || JsonNode.Parse(input[found]) is not { } json)
                return null;
            byte[] text = Encoding.UTF8.GetBytes(JsonMutation.Apply(json, target.Words, random));
            return target.Frame is null ? text : target.Frame.Replace(input, text);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or ArgumentException)
        {
            return null;    // no JSON any more, or half of a surrogate pair in it
        }
    }

    private byte[] WithBytes(byte[] input, Random random)
    {
        int at = random.Next(input.Length + 1), length = Math.Min(random.Next(1, 40), input.Length - at);
        byte[] chunk = input[at..(at + length)];
        byte[] Put(byte[] bytes, int removed = 0) => [.. input[..at], .. bytes, .. input[(at + removed)..]];
        switch (random.Next(9))
        {
            case 0 when at < input.Length:
                return Put([(byte)(input[at] ^ (1 << random.Next(8)))], removed: 1);
            case 1 when at < input.Length:
                return Put([s_signs[random.Next(s_signs.Length)]], removed: 1);
            case 2:
                return Put([s_signs[random.Next(s_signs.Length)]]);
            case 3:
                return Put([], removed: length);
            case 4:
                return Put([.. Enumerable.Repeat(chunk, 1 + random.Next(MaxRepeats)).SelectMany(part => part)]);
            case 5:
                return input[..at];
            case 6:
                byte[] other = target.Seeds[random.Next(target.Seeds.Count)];
                return [.. input[..at], .. other[random.Next(other.Length + 1)..]];
            case 7 when target.Words.Count > 0:
                return Put(Encoding.UTF8.GetBytes(target.Words[random.Next(target.Words.Count)]), removed: random.Next(2) * length);
            default:
                byte[] noise = new byte[random.Next(1, 9)];
                random.NextBytes(noise);
                return Put(noise, removed: random.Next(2) * length);
        }
    }
}
