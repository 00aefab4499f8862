using System.Buffers.Binary;
using System.Text;

namespace LLaDA.Diffusion.Tests.Checkpoints;

/// <summary>Writes safetensors files byte by byte, wrong ones too.</summary>
internal static class RawSafetensors
{
    public static string Write(TemporaryFolder folder, string header, int numDataBytes, ulong? claimedHeaderBytes = null)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        byte[] bytes = new byte[8 + json.Length + numDataBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, claimedHeaderBytes ?? (ulong)json.Length);
        json.CopyTo(bytes, 8);
        for (int index = 0; index < numDataBytes; index++)
            bytes[8 + json.Length + index] = (byte)index;
        string path = folder.File("raw.safetensors");
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
