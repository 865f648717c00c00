import java.lang.reflect.Field;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import software.amazon.dynamodb.services.local.main.ServerRunner;
import software.amazon.dynamodb.services.local.server.DynamoDBProxyServer;

/**
 * DynamoDB Local, reachable from this machine only.
 *
 * <p>DynamoDB Local takes a port but no address, and listens on all interfaces. This makes its
 * server from the same arguments, and gives its connectors the loopback address before it starts.
 */
public final class LoopbackServer {
  private LoopbackServer() {}

  /** Takes the arguments of DynamoDB Local, such as {@code -inMemory -sharedDb -port 8000}. */
  public static void main(String[] args) throws Exception {
    DynamoDBProxyServer proxy = ServerRunner.createServerFromCommandLineArgs(args);
    Field field = DynamoDBProxyServer.class.getDeclaredField("server"); // it has no accessor
    field.setAccessible(true);
    for (Connector connector : ((Server) field.get(proxy)).getConnectors()) {
      ((ServerConnector) connector).setHost("127.0.0.1");
    }
    proxy.safeStart(); // start() turns a port in use into a message and exit status 0
    proxy.join();
  }
}
